"""What a database demands of whoever writes to it, and whether a migration demands more than before."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, Inspector, inspect, text

EMPTIED = {"company_address", "company_language", "clinic_language", "hunt_group", "hunt_group_member"}
"""Tables whose rows the released program deletes: nothing new may hold on to them."""

_TRIGGERS = {
    "sqlite": "SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal",
}
_LITERAL = re.compile(r"'((?:[^']|'')*)'(?:::[a-z ]+)?")
_LENGTH = re.compile(r"VARCHAR\((\d+)\)")


@dataclass(frozen=True)
class Column:
    type: str
    nullable: bool
    has_default: bool


@dataclass(frozen=True)
class Reference:
    """A foreign key: its columns, where they point to, what follows from a deletion there."""

    columns: tuple[str, ...]
    table: str
    on_delete: str


@dataclass(frozen=True)
class TableShape:
    """``uniques`` are what must not stand twice: the columns, and the condition of a partial index."""

    columns: Mapping[str, Column]
    key: tuple[str, ...]
    checks: Mapping[str, str]
    uniques: frozenset[tuple[tuple[str, ...], str]]
    indexes: frozenset[str]
    references: frozenset[Reference]
    triggers: frozenset[str]


Schema = Mapping[str, TableShape]


def read_schema(engine: Engine) -> Schema:
    """The tables as the database itself describes them."""
    looked = inspect(engine)
    with engine.connect() as connection:
        triggers = {(row[0], row[1]) for row in connection.execute(text(_TRIGGERS[engine.dialect.name]))}
    return {
        name: _table(looked, name, frozenset(trigger for table, trigger in triggers if table == name))
        for name in looked.get_table_names()
    }


def _table(looked: Inspector, name: str, triggers: frozenset[str]) -> TableShape:
    indexes = looked.get_indexes(name)
    uniques = {(tuple(found["column_names"]), "") for found in looked.get_unique_constraints(name)}
    uniques |= {
        (tuple(str(column) for column in index["column_names"]), _condition(dict(index.get("dialect_options", {}))))
        for index in indexes
        if index["unique"]
    }
    return TableShape(
        columns={
            column["name"]: Column(str(column["type"]), column["nullable"], column["default"] is not None)
            for column in looked.get_columns(name)
        },
        key=tuple(looked.get_pk_constraint(name)["constrained_columns"]),
        checks={str(check["name"]): check["sqltext"] for check in looked.get_check_constraints(name)},
        uniques=frozenset(uniques),
        indexes=frozenset(str(index["name"]) for index in indexes),
        references=frozenset(
            Reference(
                tuple(key["constrained_columns"]), key["referred_table"], _on_delete(dict(key.get("options", {})))
            )
            for key in looked.get_foreign_keys(name)
        ),
        triggers=triggers,
    )


def _condition(options: Mapping[str, object]) -> str:
    return str(options.get("sqlite_where", options.get("postgresql_where", "")))


def _on_delete(options: Mapping[str, object]) -> str:
    return str(options.get("ondelete") or "")


def demands(before: Schema, after: Schema) -> Iterator[str]:
    """Why a program that knows only ``before`` could stumble over ``after``: nothing, if a migration is additive."""
    for table, shape in before.items():
        if table not in after:
            yield f"table {table} is gone"
            continue
        for words in _of_table(shape, after[table]):
            yield f"table {table}: {words}"
    for table, shape in after.items():
        old = before[table].references if table in before else frozenset()
        for reference in shape.references - old:
            if reference.table in EMPTIED and reference.on_delete not in {"CASCADE", "SET NULL"}:
                yield f"table {table}: keeps rows of {reference.table} from being deleted"


def _of_table(before: TableShape, after: TableShape) -> Iterator[str]:
    yield from _of_columns(before.columns, after.columns)
    yield from _of_checks(before, after)
    if after.key != before.key:
        yield f"the key is {after.key}, and was {before.key}"
    for what in ("uniques", "references", "indexes", "triggers"):
        old, new = getattr(before, what), getattr(after, what)
        for gone in sorted(map(str, old - new)):
            yield f"{what}: {gone} is gone"
    for columns, condition in sorted(after.uniques - before.uniques):
        if set(columns) <= before.columns.keys():
            yield f"{columns} must be unique now {condition}".strip()
    for reference in after.references - before.references:
        if set(reference.columns) & before.columns.keys():
            yield f"{reference.columns} must exist in {reference.table} now"
    for trigger in sorted(after.triggers - before.triggers):
        yield f"trigger {trigger} may refuse what was fine"


def _of_columns(before: Mapping[str, Column], after: Mapping[str, Column]) -> Iterator[str]:
    for name, old in before.items():
        new = after.get(name)
        if new is None:
            yield f"column {name} is gone"
            continue
        if not _holds(new.type, old.type):
            yield f"column {name} was {old.type} and is {new.type}"
        if old.nullable and not new.nullable:
            yield f"column {name} must have a value now"
        if old.has_default and not new.has_default:
            yield f"column {name} has no default any more"
    for name, new in after.items():
        if name not in before and not new.nullable and not new.has_default:
            yield f"new column {name} must have a value, and an older program gives it none"


def _of_checks(before: TableShape, after: TableShape) -> Iterator[str]:
    for name, old in before.checks.items():
        new = after.checks.get(name)
        if new is None:
            yield f"check {name} is gone"
        elif not _is_as_wide(new, old):
            yield f"check {name} was {old} and is {new}"
    for name, new in after.checks.items():
        if name not in before.checks and set(re.findall(r"\w+", _LITERAL.sub("", new))) & before.columns.keys():
            yield f"check {name} is new and about an old column"


def _holds(new: str, old: str) -> bool:
    """Whether a column of the new type takes whatever the old one took."""
    longer, shorter = _LENGTH.fullmatch(new), _LENGTH.fullmatch(old)
    if longer and shorter:
        return int(longer[1]) >= int(shorter[1])
    return new == old


def _is_as_wide(new: str, old: str) -> bool:
    """The same check, but for more values in its list."""
    frame = [re.sub(r"[\s,]+", " ", _LITERAL.sub("", check)) for check in (new, old)]
    return frame[0] == frame[1] and set(_LITERAL.findall(new)) >= set(_LITERAL.findall(old))
