"""What mails say: the same in both parts, and never anything of the patient."""

import re
from dataclasses import fields, replace
from email.message import EmailMessage
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from shared.mails import Letter, OfferVisit
from shared.states import MailKind
from tests.actions.changing import ALL, book_series, cancel, edit
from tests.mails.letters import ABOUT_REQUESTS, TO_COMPANY, letter, renderer
from tests.web.checks import PATIENT
from tests.world import World

FACTS: dict[MailKind, tuple[str, ...]] = {
    MailKind.INVITE: (
        "Riverside Clinic", "Northlight ASL", "A-10487", "American Sign Language", "Tue 24 Nov", "09:30–10:15",
        "PST (UTC−8)", "12:30–13:15", "EST (UTC−5)", "Video", "45 minutes", "Dr. Ana Alvarez",
        "Cardiology vocabulary.", "The door is at the back.", "Answer by", "Mon 23 Nov 2026, 21:10 PST (UTC−8)",
        "Tue 24 Nov 2026, 00:10 EST (UTC−5)", "Accept", "Decline", "+1 555 0142", "scheduling@riverside.example",
    ),
    MailKind.FILLED: (
        "Filled, nothing to do", "Riverside Clinic", "A-10487", "American Sign Language", "Tue 24 Nov", "09:30–10:15",
    ),
    MailKind.CONFIRMATION: (
        "You have accepted the request to join the meeting", "Riverside Clinic", "A-10487", "American Sign Language",
        "09:30–10:15", "PST (UTC−8)", "12:30–13:15", "EST (UTC−5)", "Video", "45 minutes", "Dr. Ana Alvarez",
        "Cardiology vocabulary.", "The door is at the back.", "/meet/", "+1 555 0100", "482 913 075", "T. Boyle",
        "visit.ics", "15 minutes before",
    ),
    MailKind.UPDATED: (
        "Your assignment has changed", "The assignment is still yours", "09:30–10:15", "PST (UTC−8)", "12:30–13:15",
        "/meet/", "+1 555 0100", "482 913 075", "T. Boyle", "visit.ics", "+1 555 0142",
    ),
    MailKind.CANCELLATION: (
        "Your assignment is cancelled", "A-10487", "09:30–10:15", "12:30–13:15", "visit.ics", "+1 555 0142",
    ),
    MailKind.WITHDRAWN: ("Withdrawn, nothing to do", "Riverside Clinic", "A-10487", "09:30–10:15"),
    MailKind.CLINIC_ACCEPTED: ("Northlight ASL", "T. Boyle", "A-10487", "Tue 24 Nov", "http://portal.test/visits/7"),
    MailKind.CLINIC_ALL_DECLINED: ("All 3 companies declined", "A-10487", "http://portal.test/visits/7"),
    MailKind.CLINIC_EXPIRED: ("1 of 3 companies declined", "A-10487", "21:10 PST", "http://portal.test/visits/7"),
    MailKind.CLINIC_UNDELIVERABLE: ("None of the 3 companies", "A-10487", "http://portal.test/visits/7"),
    MailKind.CLINIC_CONFIRMATION_BOUNCED: (
        "Northlight ASL", "+1 555 0170", "T. Boyle", "A-10487", "http://portal.test/visits/7",
    ),
    MailKind.CLINIC_CANCELLATION_BOUNCED: (
        "The cancellation could not be delivered", "Northlight ASL", "+1 555 0170", "T. Boyle", "A-10487",
        "Tue 24 Nov", "it may still expect to come", "http://portal.test/visits/7",
    ),
}  # fmt: skip

WITHOUT_LINK = {MailKind.FILLED, MailKind.CANCELLATION, MailKind.WITHDRAWN}
"""Mails that end something lead nowhere."""

EVIL = "<script>alert(1)</script><mj-text>x</mj-text>{{ 7*7 }} & \"'"


def text_of(message: EmailMessage) -> str:
    """The text part, blanks folded."""
    part = message.get_body(("plain",))
    assert part is not None
    return " ".join(str(part.get_content()).split())


def html_of(message: EmailMessage) -> str:
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def seen_in(html: str) -> str:
    """What a reader of the HTML sees, and where its links lead."""
    page = BeautifulSoup(html, "html5lib")
    links = " ".join(str(tag["href"]) for tag in page.find_all("a", href=True))
    for unseen in page.find_all(["style", "script"]):
        unseen.decompose()
    return re.sub(r" (?=[.,])", "", " ".join(page.get_text(" ").split())) + " " + links


@pytest.mark.parametrize("kind", ABOUT_REQUESTS)
def test_text_and_html_say_the_same(kind: MailKind, tmp_path: Path) -> None:
    message = renderer(tmp_path).render(letter(kind))

    for fact in FACTS[kind]:
        assert fact in text_of(message), fact
        assert fact in seen_in(html_of(message)), fact


@pytest.mark.parametrize("kind", ABOUT_REQUESTS)
def test_both_parts_lead_to_the_same_places(kind: MailKind, tmp_path: Path) -> None:
    message = renderer(tmp_path).render(letter(kind))

    in_text = set(re.findall(r"https?://[^\s\"'<>]+", text_of(message)))
    page = BeautifulSoup(html_of(message), "html5lib")
    in_html = {str(tag["href"]) for tag in page.find_all("a", href=True) if str(tag["href"]).startswith("http")}

    assert in_text == in_html
    if kind is MailKind.INVITE:
        assert sorted(link.rpartition("/")[2] for link in in_text) == ["accept", "decline"]
    else:
        assert len(in_text) == (0 if kind in WITHOUT_LINK else 1)
    ours = {link for link in in_text if link.startswith("http://vendor.test")}
    assert ours == (in_text if kind in TO_COMPANY else set())


@pytest.mark.parametrize("kind", ABOUT_REQUESTS)
def test_the_html_loads_nothing_from_anywhere(kind: MailKind, tmp_path: Path) -> None:
    html = html_of(renderer(tmp_path).render(letter(kind)))

    page = BeautifulSoup(html, "html5lib")
    assert not page.find_all(["script", "iframe", "form", "object", "embed", "link"])
    assert not page.find_all(src=True)
    assert "url(" not in html
    assert "@import" not in html
    assert page.html is not None
    assert page.html["lang"] == "en"
    assert page.title is not None
    assert page.title.get_text(strip=True)
    assert len(page.find_all("h1")) == 1


@pytest.mark.parametrize("kind", ABOUT_REQUESTS)
def test_what_people_typed_is_text_in_both_parts(kind: MailKind, tmp_path: Path) -> None:
    plain = letter(kind)
    typed = [
        "clinic_name", "notes", "language_name", "language_short_name", "company_name", "company_phone",
        "contact_phone", "responder", "dial_in_number",
    ]  # fmt: skip
    hostile = replace(
        plain,
        visits=tuple(replace(visit, provider_name=EVIL) for visit in plain.visits),
        **{name: EVIL for name in typed if getattr(plain, name)},  # type: ignore[arg-type]
    )
    message = renderer(tmp_path).render(hostile)

    html, text = html_of(message), text_of(message)
    page = BeautifulSoup(html, "html5lib")
    assert not page.find_all(["script", "mj-text"])
    assert "49" not in text
    assert "49" not in page.get_text()
    assert " ".join(EVIL.split()) in seen_in(html)
    assert " ".join(EVIL.split()) in text


def test_no_mail_of_any_story_holds_anything_of_the_patient(world: World) -> None:
    world.add_company("Silent", emails=["nobody@silent.example"])
    world.add_company("Forgetful", emails=["gone@forgetful.example"])
    accepted = world.book(ask=["Clearsign", "Northlight"])
    declined, expired = world.book(ask=["Clearsign"]), world.book(ask=["Lumen"])
    world.book(ask=["Silent"])
    bounced = world.book(ask=["Forgetful"])
    world.post.replies["nobody@silent.example"] = "550 no such user"
    world.tick()
    world.accept(accepted, "Clearsign")
    world.decline(declined, "Clearsign")
    world.post.replies["gone@forgetful.example"] = "550 no such user"
    world.accept(bounced, "Forgetful")
    world.tick()
    series = book_series(world, ask=["Clearsign", "Northlight"])
    world.tick()
    world.accept(series[0], "Clearsign")
    world.tick()
    edit(world, series[1], ask=["Northlight"], notes="Other notes.")
    world.tick()
    cancel(world, accepted, why=PATIENT[0])
    world.tick()
    world.post.replies["dispatch@clearsign.example"] = "550 no such user"
    cancel(world, series[0], reach=ALL, why=PATIENT[0])
    world.tick()
    world.now = world.request_of(expired).deadline
    world.tick()
    world.tick()

    assert {row.kind for row in world.outbox()} == set(ABOUT_REQUESTS)
    assert len(world.post.received) >= 15
    for message in world.post.received:
        decoded = [part.get_content() for part in message.walk() if not part.is_multipart()]
        whole = message.as_string() + " ".join(
            part if isinstance(part, str) else part.decode(errors="replace") for part in decoded
        )
        for secret in PATIENT:
            assert secret not in whole


def test_a_letter_has_no_field_for_anything_of_the_patient() -> None:
    names = {field.name for kind in (Letter, OfferVisit) for field in fields(kind)}

    assert not {name for name in names if "patient" in name or name in {"reason", "contact"}}
