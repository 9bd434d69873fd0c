"""A real SMTP server for tests, which can be told to misbehave, and what it received."""

import socket
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PostOffice:
    """Receives mail on a port of its own. ``replies`` maps an address to what RCPT answers for it, e.g. 550."""

    def __init__(self) -> None:
        self.received: list[EmailMessage] = []
        self.replies: dict[str, str] = {}
        self.data_reply: Callable[[EmailMessage], str] | None = None
        self._controller: Controller | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """Where it listens; the same after it was closed and opened again."""
        return self._port

    def open(self) -> None:
        """Start listening, unless it does."""
        if self._controller is not None:
            return
        self._port = self._port or free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self._port, ready_timeout=10)
        self._controller.start()

    def close(self) -> None:
        """Stop listening: connections are refused from here on."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def clear(self) -> None:
        """Forget everything that was received or told."""
        self.received, self.replies, self.data_reply = [], {}, None

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take or refuse a recipient."""
        reply = self.replies.get(address)
        if reply is not None:
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep the message, unless told to answer something else."""
        content: Any = envelope.original_content
        message = message_from_bytes(content, policy=default)
        reply = self.data_reply(message) if self.data_reply else "250 OK"
        if reply.startswith("250"):
            self.received.append(message)
        return reply
