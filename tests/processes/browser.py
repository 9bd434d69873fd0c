"""A browser without scripts on a real port; what it gets is read like the answers of Flask's own test client."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

from tests.processes.patience import PATIENCE_SECONDS, attempts

Values = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status_code: int
    location: str
    text: str


class Browser:
    """Keeps its cookies, opens a connection for each request, and waits for a server that is starting."""

    def __init__(self, address: str) -> None:
        self._host = urlsplit(address).netloc
        self._cookies: dict[str, str] = {}

    def get(self, path: str) -> Answer:
        """A page, loaded again if its server hung up."""
        answers = (self._request("GET", path, None) for _ in attempts(f"nobody answers GET {path}"))
        return next(answer for answer in answers if answer is not None)

    def post(self, path: str, data: Values) -> Answer | None:
        """Send a form. None: whoever took it hung up without an answer."""
        return self._request("POST", path, urlencode(data, doseq=True))

    def _request(self, method: str, path: str, body: str | None) -> Answer | None:
        for _ in attempts(f"nobody listens at {self._host}"):
            connection = HTTPConnection(self._host, timeout=PATIENCE_SECONDS)
            try:
                return self._talk(connection, method, path, body)
            except ConnectionRefusedError:
                continue
            except (ConnectionError, HTTPException):
                return None
            finally:
                connection.close()
        return None

    def _talk(self, connection: HTTPConnection, method: str, path: str, body: str | None) -> Answer:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        for line in answer.headers.get_all("Set-Cookie", []):
            self._cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        return Answer(answer.status, answer.headers.get("Location", ""), text)
