"""Reading the links of mails, and the pages of links that lead nowhere any more."""

from flask import Response

from shared.edge import note_refusal
from shared.tokens import LinkKind, VerifiedLink
from shared.web import page, services
from shared.wrong_links import limited


def read_link(kind: LinkKind, token: str) -> VerifiedLink | None:
    """The verified link behind a token of an address, or None."""
    return services().tokens.read_link(kind, token)


def gone_page(*, contact: object = None) -> Response:
    """The no-longer-valid page; ``contact`` is whatever names the clinic, its phone and its mail, or nobody."""
    return page("gone.html", status=410, contact=contact, invite=None)


@limited("wrong links", gone_page)
def wrong_link_page() -> Response:
    """The one answer to every token that is no link: a wrong signature, another kind's, an id that nobody has."""
    note_refusal("link")
    return gone_page()
