"""Signed links, page nonces and sealed drafts. All authority stems from the secret keys; the database holds none."""

import base64
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import cast

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from itsdangerous import BadData, Signer, URLSafeSerializer

PUBLIC_ID_BYTES = 12

_TYPED = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Five bits a character, without letters that are taken for digits or that make words."""
_MISREAD = str.maketrans("OIL", "011")

_SIGNED = re.compile(r"[A-Za-z0-9_.-]+")
"""What signing makes. Base64 decoders skip everything else, so that one signature could be spelt in many ways."""


class LinkKind(StrEnum):
    """What a link is for; each kind is signed apart, so that one can't pass for another."""

    INVITE = "invite"
    GUEST = "guest"
    PASSWORD = "password"  # noqa: S105 # nosec B105 # a kind of link


@dataclass(frozen=True, slots=True)
class VerifiedLink:
    """A link whose signature held. Actions and queries take this instead of a raw token."""

    kind: LinkKind
    public_id: str


def new_public_id() -> str:
    """A random name for a row that is linked to (96 bits, 16 URL-safe characters). Useless without a signature."""
    return secrets.token_urlsafe(PUBLIC_ID_BYTES)


def new_session_token() -> str:
    """A login's token (256 bits). Only its hash is stored."""
    return secrets.token_urlsafe(32)


def new_typed_code(bits: int) -> str:
    """A random code that people copy by hand, in groups of four; ``bits`` of chance, five in a character."""
    drawn = "".join(secrets.choice(_TYPED) for _ in range(-(-bits // 5)))
    return "-".join(drawn[place : place + 4] for place in range(0, len(drawn), 4))


def read_typed_code(text: str) -> str:
    """A typed code in its one spelling, whatever its capitals and dashes; O is 0, and I and L are 1."""
    letters = "".join(text.upper().translate(_MISREAD).split()).replace("-", "")
    return "-".join(letters[place : place + 4] for place in range(0, len(letters), 4))


def hash_token(token: str) -> str:
    """What the database keeps of a session's token, a recovery code or a display's code: so much chance (120 bits or
    more) needs no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


class Tokens:
    """Makes and checks everything signed. Keys newest first: the first signs, all verify."""

    def __init__(self, secret_keys: tuple[str, ...]) -> None:
        self._keys = list(reversed(secret_keys))  # itsdangerous signs with the last and tries all
        self._fernet = _fernet(b"draft", secret_keys)
        self._at_rest = _fernet(b"at rest", secret_keys)
        self._digest_key = hashlib.sha256(b"digest" + secret_keys[0].encode()).digest()

    def link(self, kind: LinkKind, public_id: str) -> str:
        """The token of a link: its public id and a 256-bit signature over kind and id."""
        return self._link_signer(kind).sign(public_id).decode()

    def read_link(self, kind: LinkKind, token: str) -> VerifiedLink | None:
        """The link behind a token, or None when the signature does not hold (compared in constant time)."""
        if not _SIGNED.fullmatch(token):
            return None
        try:
            public_id = self._link_signer(kind).unsign(token).decode()
        except BadData:
            return None
        return VerifiedLink(kind, public_id)

    def nonce(self, link: VerifiedLink, *, now: datetime) -> str:
        """A page's nonce: for which link, and when (to the millisecond) the page was made."""
        return self._serializer("nonce").dumps([link.public_id, round(now.timestamp() * 1000)])

    def read_nonce(self, link: VerifiedLink, nonce: str) -> datetime | None:
        """When the page with this nonce was made, or None if the nonce is forged or another link's."""
        value = self._loads("nonce", nonce)
        if not isinstance(value, list) or len(value) != 2 or value[0] != link.public_id:
            return None
        return datetime.fromtimestamp(value[1] / 1000, UTC)

    def sign(self, purpose: str, value: object) -> str:
        """Sign a JSON value for one purpose."""
        return self._serializer(purpose).dumps(value)

    def unsign(self, purpose: str, token: str) -> object | None:
        """The value signed for that purpose, or None."""
        return self._loads(purpose, token)

    def digest(self, purpose: str, value: str) -> str:
        """What the database keeps of a value that it must not hold, to know it again. Takes the newest key alone."""
        return hmac.digest(self._digest_key, f"{purpose}:{value}".encode("utf-8", "replace"), "sha256").hex()

    def seal(self, value: object, *, now: datetime) -> str:
        """Encrypt a JSON value: a filled-in form holds patient data and waits in a login page that anybody may open."""
        return self._fernet.encrypt(json.dumps([now.timestamp(), value]).encode()).decode()

    def unseal(self, token: str, *, max_age: timedelta, now: datetime) -> object | None:
        """What was sealed, or None when it is forged or too old."""
        try:
            sealed_at, value = json.loads(self._fernet.decrypt(token.encode("utf-8", "replace")))
        except InvalidToken:
            return None
        fresh = timedelta() <= now - datetime.fromtimestamp(sealed_at, UTC) <= max_age
        return cast(object, value) if fresh else None

    def encrypt(self, purpose: str, text: str) -> str:
        """Encrypt what the database has to keep and must not tell. It opens for the same purpose only."""
        return self._at_rest.encrypt(json.dumps([purpose, text]).encode()).decode()

    def decrypt(self, purpose: str, kept: str) -> str | None:
        """What was kept for that purpose, under any of the keys; None when none of them opens it."""
        try:
            kept_for, text = json.loads(self._at_rest.decrypt(kept.encode("utf-8", "replace")))
        except InvalidToken:
            return None
        return str(text) if kept_for == purpose else None

    def _loads(self, purpose: str, token: str) -> object | None:
        if not _SIGNED.fullmatch(token):
            return None
        try:
            value: object = self._serializer(purpose).loads(token)
        except BadData:
            return None
        return value

    def _link_signer(self, kind: LinkKind) -> Signer:
        return Signer(self._keys, salt=f"link:{kind}", sep=".", key_derivation="hmac", digest_method=hashlib.sha256)

    def _serializer(self, purpose: str) -> URLSafeSerializer:
        return URLSafeSerializer(
            self._keys,
            salt=f"value:{purpose}",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )


def _fernet(use: bytes, secret_keys: tuple[str, ...]) -> MultiFernet:
    """Encryption with keys of its own for each use: the first encrypts, all decrypt."""
    return MultiFernet(
        Fernet(base64.urlsafe_b64encode(hashlib.sha256(use + key.encode()).digest())) for key in secret_keys
    )
