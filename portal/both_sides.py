"""What two people make of one thing: what a form opened with goes along sealed, so that after somebody else's change it
can be told who changed what, and so that going on does not take back what was changed there."""

from collections.abc import Sequence
from typing import Any

from portal.drafts import KEPT_FOR
from shared.web import request_now, services

Values = dict[str, Any]


def seal_values(whose: Sequence[object], values: Values) -> str:
    """What a form opens with. ``whose``: who opens it, for what, and in which version of that."""
    return services().tokens.seal([*whose, values], now=request_now())


def sealed_values(token: str | None, whose: Sequence[object]) -> Values | None:
    """What a form opened with; None if it does not say so, is somebody else's or of another version."""
    found = services().tokens.unseal(token or "", max_age=KEPT_FOR, now=request_now())
    if not isinstance(found, list) or found[:-1] != [*whose]:
        return None
    values: Values = found[-1]
    return values
