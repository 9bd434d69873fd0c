"""The table 'What a company can do' of the specification, written out a second time for tests to compare with."""

from datetime import timedelta

from shared.states import Answer

MILLISECOND = timedelta(milliseconds=1)

# state, this company's answer: the row of the table before the deadline / at and after it
_TABLE = """
pending        none      7  5
pending        declined  6  5
accepted       accepted  3  3
accepted       none      4  4
accepted       declined  4  4
all_declined   none      5  5
all_declined   declined  5  5
expired        none      5  5
expired        declined  5  5
undeliverable  none      5  5
undeliverable  declined  5  5
withdrawn      none      2  2
withdrawn      declined  2  2
withdrawn      accepted  2  2
cancelled      none      2  2
cancelled      declined  2  2
cancelled      accepted  2  2
handed_back    none      2  2
handed_back    declined  2  2
handed_back    accepted  2  2
"""
CELLS = [tuple(line.split()) for line in _TABLE.strip().splitlines()]

NEVER_STORED = {(state, "accepted") for state in ("pending", "all_declined", "expired", "undeliverable")}
"""An acceptance is written together with the request's move to accepted, and only withdrawing moves it on."""


def answer_of(word: str) -> Answer | None:
    """The answer that a word of the table stands for."""
    return None if word == "none" else Answer(word)
