"""The answer to who tried too often: the same page again, and when to go on."""

from math import ceil

from flask import Response

from shared.actions import Slowed
from shared.edge import note_refusal
from shared.times import duration_text
from shared.web import request_now


def in_a_while(slowed: Slowed, sentence: str) -> str:
    """The sentence with how long to wait in the place that it has for that, rounded up."""
    return sentence.format(wait=duration_text(ceil(_seconds(slowed) / 60)))


def slow_down(response: Response, slowed: Slowed) -> Response:
    """The page as the answer of one who has to wait (429)."""
    note_refusal("throttle")
    response.status_code = 429
    response.headers["Retry-After"] = str(_seconds(slowed))
    return response


def _seconds(slowed: Slowed) -> int:
    return ceil((slowed.until - request_now()).total_seconds())
