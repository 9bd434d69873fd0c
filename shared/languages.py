"""Every language of ISO 639-3, by its shortest BCP 47 tag: what an administrator searches when adding one."""

import re
from dataclasses import dataclass
from functools import cache

from shared.texts import folded

SHORT_NAME_MAX = 40

_YEARS = re.compile(r" \([^)]*\d[^)]*\)")
"""The standard tells Modern Greek (1453-) from the older one by years, which no clinic wants to read."""


_ALSO_CALLED = {
    "ase": ("ASL",),
    "asf": ("Auslan",),
    "bfi": ("BSL",),
    "bn": ("Bangla",),
    "ckb": ("Sorani Kurdish",),
    "cmn": ("Putonghua",),
    "fa": ("Farsi",),
    "ga": ("Irish Gaelic",),
    "gil": ("Kiribati",),
    "hr": ("Serbo-Croatian",),
    "ht": ("Haitian Creole", "Kreyòl"),
    "ilo": ("Ilocano",),
    "kea": ("Cape Verdean Creole",),
    "km": ("Cambodian",),
    "kmr": ("Kurmanji Kurdish",),
    "ksw": ("Karen",),
    "lo": ("Laotian",),
    "mfs": ("LSM",),
    "mww": ("White Hmong",),
    "my": ("Myanmar",),
    "nan": ("Taiwanese", "Hokkien"),
    "pes": ("Farsi of Iran",),
    "prs": ("Farsi of Afghanistan",),
    "ps": ("Pashtu",),
    "pt": ("Brazilian Portuguese",),
    "quc": ("Quiche",),
    "ti": ("Tigrigna",),
    "wuu": ("Shanghainese",),
    "yue": ("Cantonese",),
}
"""Names that people in clinics type and the standard does not know, by tag."""


@dataclass(frozen=True, slots=True)
class Language:
    """A language of the standard. ``tag`` has two letters where such a tag exists, three where not."""

    tag: str
    name: str
    other_names: tuple[str, ...]

    @property
    def short_name(self) -> str:
        """What mails call it: ASL for American Sign Language, else the name without what stands in brackets."""
        name = self.name.partition(" (")[0]
        return _initials(name) or name[:SHORT_NAME_MAX].strip()


@dataclass(frozen=True, slots=True)
class Findings:
    """The best matches of a search, and how many there are in all."""

    languages: tuple[Language, ...]
    total: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """A language as search compares it: its tags, its names without accents and capitals, and the common ones of
    these."""

    language: Language
    tags: tuple[str, ...]
    names: tuple[str, ...]
    common: tuple[str, ...]


def find(text: str, *, at_most: int = 20) -> Findings:
    """Languages whose name or tag fits what was typed, the nearest first.

    Words may stand in any order, and their beginnings will do. Of equals, one with a tag of two letters comes first.
    """
    wanted = folded(text[:100])
    if not wanted:
        return Findings((), 0)
    ranked = [(rank, entry) for entry in _entries() if (rank := _rank(entry, wanted)) is not None]
    ranked.sort(key=lambda found: (found[0], len(found[1].language.tag), found[1].names[0]))
    return Findings(tuple(entry.language for _rank_of, entry in ranked[:at_most]), len(ranked))


def language_of(tag: str) -> Language | None:
    """The language with this tag, or None: there is no other spelling of a tag."""
    return _by_tag().get(tag)


def _initials(name: str) -> str:
    """ASL for American Sign Language; empty for what is no sign language."""
    return "".join(word[0] for word in name.replace("-", " ").split()) if name.endswith(" Sign Language") else ""


def _rank(entry: _Entry, wanted: str) -> int | None:
    """How near an entry is, 0 the nearest; None for no match. What it is commonly called counts before its other names,
    and before tags: BSL is British Sign Language and not Basa-Gumna."""
    if wanted in entry.common:
        return 0
    if wanted in entry.tags:
        return 1
    if any(name.startswith(wanted) for name in entry.common):
        return 2
    if wanted in entry.names or wanted == _initials(entry.language.name).casefold():
        return 3
    words = wanted.split()
    fits = [all(any(part.startswith(word) for part in name.split()) for word in words) for name in entry.names]
    if not any(fits):
        return None
    return 4 if fits[0] else 5


@cache
def _entries() -> tuple[_Entry, ...]:
    """All languages in use today or once, without retired codes and those that name no language (mul, und)."""
    # Here and not above: the library takes a third of a second to load, which commands and jobs need not wait for.
    from iso639 import ALL_LANGUAGES

    found = []
    for row in ALL_LANGUAGES:
        if row.status != "A" or row.scope == "S":
            continue
        tag = row.part1 or row.part3
        common = _ALSO_CALLED.get(tag, ())
        standard = (name.print for name in row.other_names or () if name.print != row.name)
        language = Language(tag, _YEARS.sub("", row.name), tuple(dict.fromkeys((*common, *standard))))
        tags = tuple(tag for tag in (row.part1, row.part3) if tag)
        names = tuple(folded(name) for name in (language.name, *language.other_names))
        found.append(_Entry(language, tags, names, (names[0], *map(folded, common))))
    return tuple(found)


@cache
def _by_tag() -> dict[str, Language]:
    return {entry.language.tag: entry.language for entry in _entries()}
