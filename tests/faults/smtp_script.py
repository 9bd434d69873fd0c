"""A mail server that answers as a script says, stage by stage: refuses, hangs up, falls silent. Otherwise it takes
everything, and is as strict as real ones about the order of commands."""

import socket
import threading
from contextlib import suppress
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

DROP, HANG = "(hangs up)", "(falls silent)"
PATIENCE = 5.0
"""Seconds for which it is silent; then it hangs up."""

USUAL = {
    "BANNER": "220 ready",
    "EHLO": "250-mail.example\r\n250 AUTH PLAIN",
    "AUTH": "235 Welcome",
    "MAIL": "250 OK",
    "RCPT": "250 OK",
    "DATA": "354 Go on",
    "END": "250 Taken",
    "RSET": "250 OK",
    "QUIT": "221 Bye",
    "NOOP": "250 OK",
}


class ScriptedServer:
    """``script`` maps a stage to what is answered there, one after the other; after the last, as usual."""

    def __init__(self, port: int, **script: list[str]) -> None:
        self.script = script
        self.replies: dict[str, str] = {}
        """What is always answered to RCPT for an address."""
        self.arrived: list[EmailMessage] = []
        """Every message that came in whole, whatever was answered."""
        self.waited_for_ever = False
        """Whether somebody held on to a silent server."""
        self._socket = socket.create_server(("127.0.0.1", port))
        self._talks: list[socket.socket] = []
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def is_talking(self) -> bool:
        """Whether somebody is connected."""
        return any(talk.fileno() != -1 for talk in self._talks)

    def close(self) -> None:
        """Stop listening and hang up."""
        for each in (self._socket, *self._talks):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def __enter__(self) -> "ScriptedServer":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                talk, _peer = self._socket.accept()
                self._talks.append(talk)
                threading.Thread(target=self._talk, args=(talk,), daemon=True).start()

    def _talk(self, talk: socket.socket) -> None:
        with suppress(OSError), talk, talk.makefile("rb") as lines:
            going, mailing = self._say(talk, self._answer("BANNER")), False
            while going and (line := lines.readline()):
                stage = line[:4].decode("ascii").strip().upper()
                if stage == "MAIL" and mailing:
                    talk.sendall(b"503 nested MAIL command\r\n")
                    continue
                answer = self._answer(stage, line)
                going = self._say(talk, answer)
                mailing = mailing or stage == "MAIL"
                if stage == "RSET":
                    mailing = False
                if stage == "DATA" and answer.startswith("354"):
                    going, mailing = self._message(talk, lines), False
                going = going and stage != "QUIT"

    def _message(self, talk: socket.socket, lines: object) -> bool:
        content = b""
        while (line := lines.readline()) != b".\r\n":  # type: ignore[attr-defined]
            if not line:
                return False  # hung up in the middle: nothing came in
            content += line
        self.arrived.append(message_from_bytes(content, policy=default))
        return self._say(talk, self._answer("END"))

    def _answer(self, stage: str, line: bytes = b"") -> str:
        queued = self.script.get(stage)
        if queued:
            return queued.pop(0)
        address = line.decode("ascii", "replace").partition("<")[2].partition(">")[0]
        own = self.replies.get(address) if stage == "RCPT" else None
        return own or USUAL.get(stage, "500 What?")

    def _say(self, talk: socket.socket, answer: str) -> bool:
        """Say it; False if the talk is over."""
        if answer == HANG:
            talk.settimeout(PATIENCE)
            try:
                while talk.recv(1024):
                    pass
            except TimeoutError:
                self.waited_for_ever = True
        if answer in {DROP, HANG}:
            with suppress(OSError):
                talk.shutdown(socket.SHUT_RDWR)
            return False
        talk.sendall(answer.encode() + b"\r\n")
        return not answer.startswith("421")
