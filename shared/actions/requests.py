"""What happens to a request without anybody's answer."""

from datetime import datetime

from shared.actions._moves import close_if_due, lock_request
from shared.db import transaction


def expire_request(request_id: int, *, now: datetime) -> bool:
    """Close a request whose deadline has come and queue what is due for it. False if there is nothing to do.

    Harmless to repeat and to run twice at once: the second finds it closed. Nothing depends on when this runs,
    since answers past the deadline are refused and badges read Not Accepted without it.
    """
    with transaction() as session:
        return close_if_due(session, lock_request(session, request_id), now=now)
