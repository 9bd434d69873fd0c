"""Reading the links of mails, and the pages of links that lead nowhere any more."""

from flask import Response

from shared.tokens import LinkKind, VerifiedLink
from shared.web import page, services


def read_link(kind: LinkKind, token: str) -> VerifiedLink | None:
    """The verified link behind a token of an address, or None."""
    return services().tokens.read_link(kind, token)


def gone_page(*, contact: object = None) -> Response:
    """The no-longer-valid page; ``contact`` is whatever names the clinic, its phone and its mail, or nobody."""
    return page("gone.html", status=410, contact=contact, invite=None)
