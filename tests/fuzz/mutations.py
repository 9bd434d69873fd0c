"""Right requests made wrong: fields dropped, repeated, replaced; odd bytes, headers, methods, paths, bodies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote_plus

from hypothesis import strategies as st

from tests.fuzz.ground import Right
from tests.fuzz.payloads import HEADERS, KINDS, METHODS, NAMES, hostile

Value = str | bytes
Pairs = tuple[tuple[Value, Value], ...]
Draw = Callable[[st.SearchStrategy[Any]], Any]

LONGEST_PATH = LONGEST_QUERY = 8_000
"""In bytes; gunicorn takes no request line of half that length (tests/faults/test_gunicorn.py)."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One request, down to its bytes. ``follow``: go where its answer leads; ``made``: what was done to it."""

    app: str
    endpoint: str
    method: str
    path: bytes
    query: Pairs
    body: Pairs
    cookie: str
    kind: str = "application/x-www-form-urlencoded"
    raw: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    follow: bool = False
    made: tuple[str, ...] = field(default=(), compare=False)

    @property
    def content(self) -> bytes:
        """The body as it is sent."""
        return encoded(self.body) if self.raw is None else self.raw

    @property
    def pairs(self) -> Pairs:
        """Its fields: those of the body if it has one, else those of its query."""
        return self.body or self.query

    def having(self, pairs: Sequence[tuple[Value, Value]]) -> "Shot":
        """The same with other fields."""
        return replace(self, body=tuple(pairs)) if self.body else replace(self, query=tuple(pairs))


def aimed(right: Right) -> Shot:
    """A right request, as it is."""
    path = right.path.encode()
    return Shot(right.app, right.endpoint, right.method, path, right.query, right.body, right.cookie)


def encoded(pairs: Pairs) -> bytes:
    """Names and values as a form sends them."""
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs).encode()


@st.composite
def shots(draw: Draw, right: Sequence[Right]) -> Shot:
    """A right request with up to four things done to it; none at all leads a sequence somewhere."""
    shot = aimed(draw(st.sampled_from(right)))
    for mutate in draw(st.lists(st.sampled_from(MUTATIONS), max_size=4)):
        shot = replace(mutate(draw, shot), made=(*shot.made, mutate.__name__))
    return replace(shot, follow=draw(st.booleans()))


# ---- fields


def other_value(draw: Draw, shot: Shot) -> Shot:
    """Something hostile in a field."""
    return _changed(draw, shot, lambda name, _value: [(name, draw(hostile))])


def dropped(draw: Draw, shot: Shot) -> Shot:
    """A field less."""
    return _changed(draw, shot, lambda _name, _value: [])


def repeated(draw: Draw, shot: Shot) -> Shot:
    """A field twice or more, with another value."""
    times = draw(st.sampled_from([1, 2, 40]))
    return _changed(draw, shot, lambda name, value: [(name, value), *[(name, draw(hostile))] * times])


def swapped(draw: Draw, shot: Shot) -> Shot:
    """The value of one field in another: something signed where a name is meant."""
    values = [value for _name, value in shot.pairs] or [""]
    return _changed(draw, shot, lambda name, _value: [(name, draw(st.sampled_from(values)))])


def prolonged(draw: Draw, shot: Shot) -> Shot:
    """A right value with something behind it."""
    return _changed(draw, shot, lambda name, value: [(name, as_bytes(value) + as_bytes(draw(hostile)))])


def renamed(draw: Draw, shot: Shot) -> Shot:
    """A field of almost that name."""
    end = draw(st.sampled_from([b"[]", b"[0]", b".x", b"\0", b" ", b"%5B%5D", b"x" * 500]))
    return _changed(draw, shot, lambda name, value: [(as_bytes(name) + end, value)])


def added(draw: Draw, shot: Shot) -> Shot:
    """A field more, of a name that some form has or none."""
    return shot.having((*shot.pairs, (draw(st.one_of(st.sampled_from(NAMES), hostile)), draw(hostile))))


def asked(draw: Draw, shot: Shot) -> Shot:
    """Something in the address."""
    return replace(shot, query=(*shot.query, (draw(st.sampled_from(NAMES)), draw(hostile))))


def flooded(draw: Draw, shot: Shot) -> Shot:
    """One field three thousand times."""
    pair = (draw(st.sampled_from(NAMES)), draw(st.sampled_from(["1", "x", "company:1"])))
    return replace(shot, body=(*shot.body, *[pair] * 3_000))


def _changed(draw: Draw, shot: Shot, change: Callable[[Value, Value], Sequence[tuple[Value, Value]]]) -> Shot:
    """Put something in the place of one field."""
    if not shot.pairs:
        return shot
    at = draw(st.integers(0, len(shot.pairs) - 1))
    return shot.having([*shot.pairs[:at], *change(*shot.pairs[at]), *shot.pairs[at + 1 :]])


# ---- everything around them


def other_method(draw: Draw, shot: Shot) -> Shot:
    """A method that the address takes, or one that it does not."""
    return replace(shot, method=draw(st.sampled_from(METHODS)))


def other_path(draw: Draw, shot: Shot) -> Shot:
    """Another part in the path, in the place of one or before it."""
    parts, at = shot.path.split(b"/"), draw(st.integers(1, shot.path.count(b"/") + 1))
    rest = parts[at + draw(st.booleans()) :]
    return replace(shot, path=b"/".join([*parts[:at], as_bytes(draw(hostile)), *rest])[:LONGEST_PATH])


def with_header(draw: Draw, shot: Shot) -> Shot:
    """A header that means something to the product, or to what it stands on."""
    name, values = draw(st.sampled_from(HEADERS))
    return replace(shot, headers=(*shot.headers, (name, draw(st.sampled_from(values)))))


def other_cookie(draw: Draw, shot: Shot) -> Shot:
    """No cookie, a part of one, or it twice."""
    at = draw(st.integers(0, 60))
    return replace(shot, cookie=draw(st.sampled_from(["", shot.cookie[:at], shot.cookie[at:], shot.cookie * 2])))


def other_kind(draw: Draw, shot: Shot) -> Shot:
    """A body that says it is something else."""
    return replace(shot, kind=draw(st.sampled_from(KINDS)))


def as_json(_draw: Draw, shot: Shot) -> Shot:
    """The fields as JSON, each a list."""
    pairs = b", ".join(b'"%s": ["%s"]' % (as_bytes(name), as_bytes(value)) for name, value in shot.body)
    return replace(shot, kind="application/json", raw=b"{%s}" % pairs)


def as_parts(draw: Draw, shot: Shot) -> Shot:
    """The fields as parts, one of them perhaps a file; whole, without their end, or cut off somewhere."""
    sent = in_parts(shot, file=draw(st.integers(0, 30)))
    whole = len(sent.content)
    cut = draw(st.sampled_from([whole, whole - 7, whole // 2, 10]))
    return replace(sent, raw=sent.content[:cut])


def in_parts(shot: Shot, *, file: int = -1) -> Shot:
    """The fields as parts, one of them as a file."""
    parts = [
        b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
        % (as_bytes(name), b'; filename="a.exe"' if number == file else b"", as_bytes(value))
        for number, (name, value) in enumerate(shot.body)
    ]
    return replace(shot, kind="multipart/form-data; boundary=x", raw=b"".join(parts) + b"--x--\r\n")


def as_junk(draw: Draw, shot: Shot) -> Shot:
    """Bytes in the place of the form."""
    return replace(shot, raw=draw(st.binary(max_size=300)))


def as_bytes(value: Value) -> bytes:
    """Text as UTF-8, bytes as they are."""
    return value.encode() if isinstance(value, str) else value


MUTATIONS: tuple[Callable[[Draw, Shot], Shot], ...] = (
    *[other_value] * 4,
    *[dropped, repeated, swapped, prolonged, renamed, added, asked, flooded],
    *[other_method, other_path, other_cookie, other_kind, as_json, as_parts, as_junk],
    *[with_header] * 2,
)
"""What can be done to a request, the likelier the oftener it stands here."""
