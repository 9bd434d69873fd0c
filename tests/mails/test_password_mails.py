"""Mails that bring a link to choose a password: what they say, and that no name makes them say more."""

import re
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from shared.sender import WIRE_POLICY
from shared.states import MailKind
from shared.tokens import LinkKind, Tokens, VerifiedLink
from tests.mails.letters import ABOUT_PASSWORDS, KEY, password_letter, renderer
from tests.mails.test_content import EVIL, html_of, seen_in, text_of
from tests.mails.test_headers import ATTACKS, HEADERS

FACTS = {
    MailKind.USER_INVITE: ("Your account is ready", "Riverside Clinic has made an account for Dr. Ana Alvarez"),
    MailKind.PASSWORD_RESET: ("Choose a new password", "A new password was asked for Dr. Ana Alvarez"),
}
FOR_BOTH = ("ana@riverside.example", "Thu 26 Nov 2026, 12:00 PST (UTC−8)", "+1 555 0142", "The link works once")


@pytest.mark.parametrize("kind", ABOUT_PASSWORDS)
def test_both_parts_say_whose_account_it_is_and_until_when_the_link_works(kind: MailKind, tmp_path: Path) -> None:
    message = renderer(tmp_path).render(password_letter(kind))

    for fact in (*FACTS[kind], *FOR_BOTH):
        assert fact in text_of(message), fact
        assert fact in seen_in(html_of(message)), fact


@pytest.mark.parametrize("kind", ABOUT_PASSWORDS)
def test_both_parts_hold_one_link_signed_for_passwords_alone(kind: MailKind, tmp_path: Path) -> None:
    message = renderer(tmp_path).render(password_letter(kind))

    page = BeautifulSoup(html_of(message), "html5lib")
    in_html = {str(tag["href"]) for tag in page.find_all("a", href=True) if str(tag["href"]).startswith("http")}
    [link] = re.findall(r"https?://\S+", text_of(message))
    assert in_html == {link}
    base, _, token = link.rpartition("/")
    assert base == "http://portal.test/password/set"
    tokens = Tokens((KEY,))
    assert tokens.read_link(LinkKind.PASSWORD, token) == VerifiedLink(LinkKind.PASSWORD, "abcdefghijklmnop")
    assert tokens.read_link(LinkKind.INVITE, token) is None
    assert tokens.read_link(LinkKind.GUEST, token) is None


@pytest.mark.parametrize("kind", ABOUT_PASSWORDS)
@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("field", ["clinic_name", "person", "contact_phone"])
def test_known_attacks_make_no_header(kind: MailKind, attack: str, field: str, tmp_path: Path) -> None:
    letter = password_letter(kind, **{field: attack})

    message = message_from_bytes(renderer(tmp_path).render(letter).as_bytes(policy=WIRE_POLICY), policy=default)

    assert list(message.keys()) == HEADERS
    for name, address in (
        ("From", "dispatch@interpreter-dispatch.example"),
        ("To", "ana@riverside.example"),
        ("Reply-To", "scheduling@riverside.example"),
    ):
        assert [found.addr_spec for found in message[name].addresses] == [address], str(message[name])
    for value in message.values():
        assert not set("\r\n\0\u2028\u2029\x85") & set(value)
    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]


@pytest.mark.parametrize("kind", ABOUT_PASSWORDS)
def test_what_people_typed_is_text_in_both_parts(kind: MailKind, tmp_path: Path) -> None:
    message = renderer(tmp_path).render(password_letter(kind, person=EVIL, clinic_name=EVIL))

    page = BeautifulSoup(html_of(message), "html5lib")
    assert not page.find_all(["script", "mj-text"])
    assert " ".join(EVIL.split()) in text_of(message)
    assert " ".join(EVIL.split()) in seen_in(html_of(message))


@pytest.mark.parametrize("kind", ABOUT_PASSWORDS)
def test_the_html_loads_nothing_from_anywhere(kind: MailKind, tmp_path: Path) -> None:
    html = html_of(renderer(tmp_path).render(password_letter(kind)))

    page = BeautifulSoup(html, "html5lib")
    assert not page.find_all(["script", "iframe", "form", "object", "embed", "link"])
    assert not page.find_all(src=True)
    assert len(page.find_all("h1")) == 1
