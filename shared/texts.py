"""Text that people type: tidied the same way, and refused for the same reasons, in both apps."""

import unicodedata

UNREADABLE = "This holds characters that can't be read. Type it again."


def tidy(text: str) -> str:
    """Without blanks around it, each character in one spelling (NFC), line ends as one kind.

    Text of nothing but invisible characters is empty: it is no name.
    """
    tidied = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    return tidied if any(unicodedata.category(character) not in {"Cf", "Zs"} for character in tidied) else ""


def is_readable(text: str) -> bool:
    """Whether it holds no control characters (but line ends and tabs), and no bytes that were not UTF-8."""
    return not any(
        character == "\ufffd" or (unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t")
        for character in text
    )
