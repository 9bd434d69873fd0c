"""The wire between the product and PostgreSQL, which can break after the server has done what it was told."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMMIT = b"COMMIT"


class Wire:
    """Passes bytes on, both ways, for each connection by a thread of its own."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._loses = False
        self.lost = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it takes connections, on this machine."""
        return int(self._listener.getsockname()[1])

    @contextmanager
    def losing_answers_to_commit(self) -> Iterator[None]:
        """Inside the block, the answer to a COMMIT never arrives, and the connection is gone."""
        self._loses = True
        try:
            yield
        finally:
            self._loses = False

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(str(self._server))
            while True:
                ready, _, _ = select.select([client, server], [], [])
                for one, other in ((client, server), (server, client)):
                    if one in ready:
                        data = one.recv(65536)
                        if not data:
                            return
                        other.sendall(data)
                        if one is client and self._loses and COMMIT in data:
                            server.recv(65536)  # it is done
                            self.lost += 1
                            return


@contextmanager
def wire_to(socket_folder: str) -> Iterator[Wire]:
    """A wire to the PostgreSQL server whose socket is in the folder."""
    wire = Wire(Path(socket_folder) / ".s.PGSQL.5432")
    try:
        yield wire
    finally:
        wire.close()
