"""Numbers of pages in addresses."""

from shared.queries import Place


def page_number(text: str) -> int:
    """The page asked for; the first where nothing was asked or the text is no number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 1


def page_problem(text: str, place: Place) -> str:
    """What to say when another page is shown than the one asked for; empty if it is the one."""
    if text in {"", str(place.number)}:
        return ""
    return f"There is no such page. This is page {place.number} of {place.pages}."
