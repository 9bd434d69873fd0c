"""The list of leaked passwords: what is in it is found, what is not is not, and a list that is none is told."""

import hashlib
import logging
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import leaked
from shared.leaked import is_leaked, list_fault
from shared.passwords import password_fault

WORDS = [f"quiet river under stone {number}" for number in range(60)]
ENDS = st.sampled_from(["\n", "\r\n", ":7\n", ":10434004\r\n", "  \n"])


def sha1(password: str) -> str:
    return hashlib.sha1(password.encode()).hexdigest().upper()


def write(path: Path, hashes: list[str], ends: list[str], *, last_end: bool = True) -> Path:
    text = "".join(line + end for line, end in zip(hashes, ends, strict=True))
    path.write_bytes((text if last_end else text.rstrip()).encode())
    return path


class CountedFile(BytesIO):
    """Counts what is read of it."""

    read_bytes = 0

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        self.read_bytes += len(line)
        return line


@given(
    held=st.sets(st.sampled_from(WORDS)),
    ends=st.lists(ENDS, min_size=60, max_size=60),
    last_end=st.booleans(),
    small=st.booleans(),
)
def test_exactly_what_is_in_the_list_is_found(
    tmp_path_factory: pytest.TempPathFactory, held: set[str], ends: list[str], last_end: bool, small: bool
) -> None:
    hashes = sorted(sha1(word).lower() if small else sha1(word) for word in held)
    path = write(tmp_path_factory.getbasetemp() / "leaked.txt", hashes, ends[: len(hashes)], last_end=last_end)

    assert {word for word in WORDS if is_leaked(word, path)} == held
    assert bool(list_fault(path)) is not bool(held)


def test_a_password_from_the_list_is_refused_and_another_is_not(tmp_path: Path) -> None:
    path = write(tmp_path / "leaked.txt", [sha1(WORDS[0])], [":2\n"])

    assert "has been stolen" in password_fault(WORDS[0], about=(), leaked=path)
    assert "has been stolen" in password_fault(WORDS[0].replace(" 0", "\u3000\uff10"), about=(), leaked=path)
    assert password_fault(WORDS[1], about=(), leaked=path) == ""
    assert password_fault(WORDS[0], about=(), leaked=None) == ""


def test_a_list_that_can_not_be_read_holds_nothing_and_is_logged_without_the_password(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        assert not is_leaked(WORDS[0], tmp_path / "missing")

    assert caplog.messages == ["The list of leaked passwords can't be read: No such file or directory"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "holds something else"),
        (b"correct horse battery staple\n" * 9, "holds something else"),
        (b"0" * 4_000_000, "holds something else"),
        ("".join(f"{sha1(str(rank))}:{9000 - rank}\n" for rank in range(5000)).encode(), "not in the order"),
        ("".join(sorted((sha1(word) + "\n" for word in WORDS), reverse=True)).encode(), "not in the order"),
    ],
    ids=["empty", "words", "one line", "by count", "backwards"],
)
def test_a_file_that_is_no_such_list_is_told_and_finds_nothing(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / "leaked.txt"
    path.write_bytes(content)

    assert fault in list_fault(path)
    assert not is_leaked("never in there", path)
    assert "can't be read (Is a directory)" in list_fault(tmp_path)


def test_a_file_of_one_endless_line_is_not_read_into_memory() -> None:
    file = CountedFile(b"0" * 4_000_000)

    assert not leaked._holds(file, b"A" * 40)
    assert 0 < file.read_bytes < 10_000


def test_a_long_list_is_halved_and_not_read() -> None:
    hashes = sorted(sha1(str(number)) for number in range(50_000))
    file = CountedFile("".join(f"{line}:3\n" for line in hashes).encode())

    for number in range(0, 50_000, 997):
        file.read_bytes = 0
        assert leaked._holds(file, sha1(str(number)).encode())
        assert not leaked._holds(file, sha1(f"{number} more").encode())
        assert file.read_bytes < 5_000
