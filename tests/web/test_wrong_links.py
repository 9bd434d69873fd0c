"""Links that are none: one answer for all of them, and a slower one for who sends a flood."""

import hmac
import logging
from collections.abc import Callable, Iterator

import pytest
from werkzeug.test import TestResponse

from portal import passwords as password_pages
from shared.tokens import LinkKind
from tests.actions.desk import tokens_of
from tests.databases import SqliteTemplate
from tests.web.changing import save
from tests.web.checks import csrf_of, dump, values_of, words
from tests.web.conftest import checked
from tests.web.test_vendor_table import GONE
from tests.web.visitors import browser
from tests.world import World, build_world

NEW = "quiet river under stone"
SECRET = "the-meeting-servers-secret"
EVIL, HOME = "203.0.113.66", "198.51.100.7"
FLOOD = 100

Answer = tuple[int, list[tuple[str, str]], bytes]


@pytest.fixture
def met(sqlite_template: SqliteTemplate) -> Iterator[World]:
    """A world with a meeting server that asks."""
    with sqlite_template.database() as url, build_world(url, CONFERENCE_MAPPER_SECRET=SECRET) as world:
        yield checked(world)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password_pages, "EVEN_SECONDS", 0.0)


def token_of(path: str) -> str:
    return path.split("/")[2]


def asked(world: World) -> tuple[str, str]:
    """An invite's token, and the token of the guest link that its acceptance made."""
    world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    invite = world.open_mail(to="Northlight").link("accept")
    world.open_mail(to="Clearsign").press("Accept")
    world.tick()
    return token_of(invite), token_of(world.open_mail(to="Clearsign").link("meet"))


def password_token(world: World) -> str:
    client = world.portal.test_client()
    token = csrf_of(client.get("/password/forgot"))
    client.post("/password/forgot", data={"csrf_token": token, "email": "scheduler@demo.example"})
    world.tick()
    text = world.open_mail(to="scheduler@demo.example").text
    return next(word.rpartition("/")[2] for word in text.split() if "/password/set/" in word)


def wrong_tokens(world: World, good: str, kind: LinkKind) -> dict[str, str]:
    """Everything that is nearly a link of this kind."""
    public_id, _, signature = good.rpartition(".")
    other = LinkKind.GUEST if kind is not LinkKind.GUEST else LinkKind.INVITE
    tokens = tokens_of(world)
    return {
        "a wrong signature": f"{public_id}.{'A' * len(signature)}",
        "a signature changed in its first place": f"{public_id}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}",
        "a signature cut short": good[:-1],
        "no signature": public_id,
        "an empty signature": f"{public_id}.",
        "another id": f"{'A' if public_id[0] != 'A' else 'B'}{public_id[1:]}.{signature}",
        "an id cut short": f"{public_id[:-1]}.{signature}",
        "another kind": tokens.link(other, public_id),
        "an id that nobody has": tokens.link(kind, "nobodys-public-id"),
        "a longer one": good + "A",
        "one of 4,000 characters": "A" * 4000,
        "a good one twice": f"{good}.{good}",
        "4,000 characters with the signature": f"{'A' * 4000}.{signature}",
        "one with a blank": good + "%20",
        "one that is no ASCII": good + "%C3%A9",
        "one with a line end": good + "%0A",
    }


def all_of(answer: TestResponse) -> Answer:
    """Everything that is sent, but for when it was and the request's own id."""
    kept = [(name, value) for name, value in answer.headers if name not in {"Date", "X-Request-ID"}]
    return answer.status_code, kept, answer.data


def the_same_for_all(
    world: World, good: str, kind: LinkKind, ask: Callable[[str], TestResponse], *, status: int = 410
) -> TestResponse:
    """Ask with every wrong token: not one byte differs."""
    told = {name: all_of(ask(token)) for name, token in wrong_tokens(world, good, kind).items()}
    first = next(iter(told.values()))
    assert first[0] == status
    assert [name for name, answer in told.items() if answer != first] == []
    return ask("x")


@pytest.mark.parametrize("path", ["/r/{}", "/r/{}/accept", "/r/{}/decline"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_every_wrong_invite_link_gets_the_same_bytes(world: World, path: str, method: str) -> None:
    invite, _guest = asked(world)
    before = dump(world)

    def ask(token: str) -> TestResponse:
        return world.vendor.open(path.format(token), method=method)

    assert ask(invite).status_code in {409, 422}  # a good one: somebody else was quicker
    answer = the_same_for_all(world, invite, LinkKind.INVITE, ask)
    assert method == "HEAD" or GONE in words(answer)
    assert before == dump(world) | {"invite_opening": before["invite_opening"]}


def test_every_wrong_reason_gets_the_same_bytes(world: World) -> None:
    invite, _guest = asked(world)

    the_same_for_all(
        world, invite, LinkKind.INVITE, lambda token: world.vendor.post(f"/r/{token}/reason", data={"reason": "x"})
    )


@pytest.mark.parametrize("path", ["/meet/{}", "/meet/{}/join"])
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["page", "fragment"])
def test_every_wrong_guest_link_gets_the_same_bytes(world: World, path: str, headers: dict[str, str]) -> None:
    _invite, guest = asked(world)

    the_same_for_all(world, guest, LinkKind.GUEST, lambda token: world.vendor.get(path.format(token), headers=headers))


def test_every_wrong_password_link_gets_the_same_bytes(world: World) -> None:
    good = password_token(world)
    client = browser(world.portal, HOME)
    form = values_of(client.get(f"/password/set/{good}"), field="password")

    for ask in (
        lambda token: world.portal.test_client().get(f"/password/set/{token}"),
        lambda token: client.post(f"/password/set/{token}", data=form | {"password": "x"}),
    ):
        the_same_for_all(world, good, LinkKind.PASSWORD, ask)
    client.post(f"/password/set/{good}", data=form | {"password": NEW, "again": NEW})
    used = world.portal.test_client().get(f"/password/set/{good}")
    assert all_of(used) == all_of(world.portal.test_client().get("/password/set/never.ours"))


def test_signatures_are_compared_in_constant_time_and_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    invite, _guest = asked(world)
    public_id = invite.rpartition(".")[0]
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def noting(given: bytes, wanted: bytes) -> bool:
        compared.append((given, wanted))
        return compare(given, wanted)

    monkeypatch.setattr("itsdangerous.signer.hmac.compare_digest", noting)
    for wrong in (f"{public_id}.{'A' * 43}", f"{'A' * 16}.{'A' * 43}"):
        assert tokens_of(world).read_link(LinkKind.INVITE, wrong) is None

    assert [len(wanted) * 8 for _given, wanted in compared] == [256, 256]
    assert [given for given, _wanted in compared] == [b"\0" * 32] * 2


def test_asking_again_rotates_every_link(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight", "Bridgeway"])
    world.tick()
    invites = [world.open_mail(to=name).link("accept") for name in ("Clearsign", "Northlight", "Bridgeway")]
    world.open_mail(to="Clearsign").press("Accept")
    world.tick()
    guest = world.open_mail(to="Clearsign").link("meet")

    save(world.login(), visit, "ask")
    world.tick()

    for path in (*invites, *(path.replace("accept", "decline") for path in invites), guest, f"{guest}/join"):
        assert world.vendor.get(path).status_code == 410, path
    for path in invites:
        assert world.vendor.post(path, data={"responder": "R. Medina", "answer": "accept"}).status_code == 410
    for name in ("Northlight", "Bridgeway"):
        new = world.open_mail(to=name).link("accept")
        assert new not in invites
        assert world.vendor.get(new).status_code == 200


def flood(ask: Callable[[int], TestResponse], *, status: int = 410) -> TestResponse:
    """Ask with one wrong link after the other until the answer is another."""
    for number in range(FLOOD):
        assert ask(number).status_code == status, number
    return ask(FLOOD)


def test_a_flood_of_wrong_links_is_slowed_and_good_links_beside_it_are_not(world: World) -> None:
    invite, guest = asked(world)
    client = browser(world.vendor_portal, EVIL)
    paths = ("/r/x{}.y", "/r/x{}.y/decline", "/meet/x{}.y", "/meet/x{}.y/join")

    answer = flood(lambda number: client.get(paths[number % 4].format(number)))

    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "60"
    assert GONE in words(answer)
    assert client.post("/r/x.y", data={}).status_code == 429
    for good, status in ((f"/r/{invite}", 409), (f"/meet/{guest}", 200), (f"/meet/{guest}/join", 303)):
        assert client.get(good).status_code == status
    assert client.post(f"/r/{invite}", data={}).status_code == 409
    assert browser(world.vendor_portal, HOME).get("/r/x.y").status_code == 410


def test_good_links_and_those_that_lost_their_meaning_never_count(world: World) -> None:
    invite, guest = asked(world)
    client = browser(world.vendor_portal, HOME)
    for _ in range(FLOOD):
        assert client.get(f"/r/{invite}").status_code == 409
    world.pass_time(days=9)
    for _ in range(FLOOD):
        assert client.get(f"/meet/{guest}").status_code == 200

    assert client.get("/r/x.y").status_code == 410


def test_a_flood_of_wrong_links_writes_nothing_and_names_nobody(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    before = dump(world)
    client = browser(world.vendor_portal, EVIL)

    flood(lambda number: client.get(f"/r/secretlink{number}.y"))

    assert dump(world) == before
    told = "\n".join(record.getMessage() for record in caplog.records)
    assert "ratelimit" in told
    assert EVIL not in told
    assert "secretlink" not in told


def test_a_flood_of_wrong_password_links_is_slowed_and_a_good_one_is_not(world: World) -> None:
    good = password_token(world)
    client = browser(world.portal, EVIL)

    answer = flood(lambda number: client.get(f"/password/set/x{number}.y"))

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert "Ask for a new link" in words(answer)
    assert client.get(f"/password/set/{good}").status_code == 200
    assert browser(world.portal, HOME).get("/password/set/x.y").status_code == 410


def test_a_flood_of_wrong_secrets_is_slowed_and_the_meeting_server_is_not(met: World) -> None:
    client = browser(met.vendor_portal, EVIL)

    def ask(secret: str) -> TestResponse:
        return client.get("/conference-mapper", headers={"Authorization": f"Bearer {secret}"})

    answer = flood(lambda number: ask(f"wrong{number}"), status=403)

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert "Too many wrong secrets" in words(answer)
    assert ask(SECRET).status_code == 200
    assert client.get("/r/x.y").status_code == 410
