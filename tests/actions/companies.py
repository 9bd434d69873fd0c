"""Companies as an administrator's hand changes them, for tests about what follows from that."""

from dataclasses import replace
from typing import Any

from shared.actions import SaveResult, accredit_company, change_company
from shared.queries import CompanyPage, company_page
from shared.records import CompanyRecord
from shared.rules import Scope
from shared.states import Role
from tests.world import World

OLD, NEW = "dispatch@clearsign.example", "front-desk@clearsign.example"
GONE = "550 No such user"


def admin(world: World) -> Scope:
    return world.clinic.scope(Role.ADMIN)


def shown(world: World, company: str = "Clearsign") -> CompanyPage:
    found = company_page(admin(world), world.clinic.companies[company], now=world.now)
    assert found is not None
    return found


def save(
    world: World, company: str = "Clearsign", *, again: tuple[str, ...] = (), stamp: str = "", **changes: Any
) -> SaveResult:
    """An administrator opens a company, changes some of it, and saves."""
    with world.jobs.app_context():
        page = shown(world, company)
        wanted: CompanyRecord = replace(page.record, **changes)
        return change_company(
            admin(world), page.id, wanted, works_again=again, stamp=stamp or page.stamp, now=world.now
        )


def accredit(world: World, company: str, *, accredited: bool) -> None:
    with world.jobs.app_context():
        accredit_company(admin(world), world.clinic.companies[company], accredited=accredited, now=world.now)
