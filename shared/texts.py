"""Text that people type: tidied the same way, and refused for the same reasons, in both apps."""

import re
import unicodedata
from typing import Literal

from email_validator import EmailNotValidError, validate_email

from shared.settings import MAIL_ADDRESS

UNREADABLE = "This holds characters that can't be read. Type it again."

_PLAIN = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "ı": "i", "þ": "th"} | dict.fromkeys("'’ʼʻ`´", "")
)
"""Letters that no decomposition makes plain, and the marks that some names are written with or without."""


LONGEST_ADDRESS = 254
"""In characters, as mail servers have it."""

LONGEST_SPELT = 5_000
"""In characters; more than any field takes."""


def spelt(form: Literal["NFC", "NFKC", "NFKD"], text: str) -> str:
    """Each character in one spelling. Text that is too long for any field stays as it came: accents piled on one letter
    take time that grows with the square of their number, which somebody might use to keep us busy."""
    return unicodedata.normalize(form, text) if len(text) <= LONGEST_SPELT else text


def tidy(text: str) -> str:
    """Without blanks around it, each character in one spelling (NFC), line ends as one kind.

    Text of nothing but invisible characters is empty: it is no name.
    """
    tidied = spelt("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    return tidied if any(unicodedata.category(character) not in {"Cf", "Zs"} for character in tidied) else ""


def is_readable(text: str) -> bool:
    """Whether it holds no control characters (but line ends and tabs), and no bytes that were not UTF-8."""
    return not any(
        character == "\ufffd" or (unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t")
        for character in text
    )


def is_one_line(text: str) -> bool:
    """Whether it goes on one line, as names do."""
    return not any(character in "\n\t\x0b\x0c\u0085\u2028\u2029" for character in text)


def is_mail_address(text: str) -> bool:
    """Whether mail can be sent there: a well-formed address that every mail server takes. Nobody is asked."""
    return is_complete_address(text) and MAIL_ADDRESS.fullmatch(text) is not None


def is_complete_address(text: str) -> bool:
    """Whether it is written as mail addresses are, in any script; none is longer than 254 characters."""
    if len(text) > LONGEST_ADDRESS:
        return False
    try:
        validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


def login_name(text: str) -> str:
    """The address that somebody logs in with, as it is stored: capitals and blanks around it make no other."""
    return text.strip().lower()


_IN_NUMBERS = frozenset("0123456789+-()./ x,#*\u2010\u2011\u2012\u2013\u2212")
NO_PHONE_NUMBER = "Write a phone number: five digits or more and no words, for example +1 555 0142 x3."


def is_phone_number(text: str) -> bool:
    """Whether it has five digits or more, and beside them nothing but what numbers are written with: dashes of all
    kinds and "ext." too."""
    plain = re.sub(r"(?i)\bext\b\.?", "x", text)
    return sum(character in "0123456789" for character in plain) >= 5 and set(plain) <= _IN_NUMBERS


def folded(text: str) -> str:
    """The text as search compares it: lower case, without accents and apostrophes, one blank between words.

    The same on every database, since none of them is asked what a letter is.
    """
    plain = spelt("NFKD", text.casefold().translate(_PLAIN))
    kept = "".join(character for character in plain if not unicodedata.combining(character))
    return " ".join("".join(character if character.isalnum() else " " for character in kept).split())
