"""Every route of an app as a request that can be sent."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Flask


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint with one method, and an address of it."""

    endpoint: str
    method: str
    path: str
    arguments: frozenset[str]


def routes(app: Flask, **values: Any) -> Iterator[Route]:
    """Every endpoint with every method of its own; ``values`` fill in what stands in addresses."""
    samples: dict[str, Any] = {"visit_id": 1, "token": "x.y", "key": "x", "filename": "app.css", "room": "x"}
    samples |= {"company_id": 1, "group_id": 1, "user_id": 1, "tag": "ase"} | values
    address = app.url_map.bind("portal.test")
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            wanted = {name: samples.get(name, "accept") for name in rule.arguments}
            path = address.build(rule.endpoint, wanted, method=method)
            yield Route(rule.endpoint, method, path, frozenset(rule.arguments))
