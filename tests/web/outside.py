"""Both apps as they run outside development: https addresses, known hosts, and browsers that use them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.test import TestResponse

from tests.databases import SqliteTemplate
from tests.web.checks import CheckedClient
from tests.world import World, build_world

OUTSIDE = {
    "DEVELOPMENT": "0",
    "PORTAL_URL": "https://portal.test",
    "VENDOR_PORTAL_URL": "https://vendor.test",
    "TRUSTED_HOSTS": "",
    "MEETING_URL": "https://meet.example",
    "MAIL_SENDER": "dispatch@dispatch.example",
    "MAIL_USE_TLS": "0",
}


class OutsideClient(CheckedClient):
    """A browser at the app's own address."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Request something from there, unless another address is named."""
        kwargs.setdefault(
            "base_url", OUTSIDE["PORTAL_URL" if self.application.name == "portal" else "VENDOR_PORTAL_URL"]
        )
        return super().open(*args, **kwargs)


@contextmanager
def outside_world(template: SqliteTemplate, **environ: str) -> Iterator[World]:
    """A clinic on SQLite, outside development."""
    with template.database() as url, build_world(url, **{**OUTSIDE, **environ}) as world:
        world.portal.test_client_class = world.vendor_portal.test_client_class = OutsideClient
        world.vendor = world.vendor_portal.test_client()
        yield world
