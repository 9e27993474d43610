"""What changed in a contract since its last release, and whom each change breaks.

The public tool (`datacontract breaking`) judges it from both perspectives. It knows what its own
tests measure: schema, quality rules, freshness. What else a consumer relies on is judged here.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dagster_project.contracts.contract import Contract, SlaProperty
from dagster_project.contracts.contract_problems import DAYS, END_OF_LIFE, HOURS, MINUTES
from dagster_project.contracts.table import Column, Table

CLASSES = ("public", "internal", "confidential", "restricted")
MORE_IS_BETTER = (
    *("retention", "availability", "completeness", "coverage", "attainment", "throughput"),
    END_OF_LIFE,
)
TYPE_WORDS = (".logicalType.", ".logicalTypeOptions.", ".physicalType.", ".items.")
LESS_IS_BETTER = ("freshness", "latency", "frequency", "errorRate", "duplicateRate")


@dataclass(frozen=True)
class Change:
    """A difference between two versions of a contract.

    Attributes:
        path: what changed, such as `schema.daily_sales_v1.properties.sold_on`.
        told: how, for a person.
        breaks: consumer, producer or nobody. A consumer finds less than was promised; a producer
            has to keep a promise that it did not make before.
    """

    path: str
    told: str
    breaks: str


def changes(old: Contract, new: Contract, today: datetime.date) -> list[Change]:
    """Every change that breaks somebody, those of consumers first."""
    found = [*_own_changes(old, new), *_told_by_the_tool(old, new)]
    ended = [
        f"schema.{table.relation}"
        for table in old.tables
        if (end := old.ends_on(table.relation)) is not None and end < today
    ]
    kept = {
        (change.path, change.breaks): change
        for change in found
        if not any(f"{change.path}.".startswith(f"{path}.") for path in ended)
    }
    return sorted(kept.values(), key=lambda change: (change.breaks, change.path))


def _told_by_the_tool(old: Contract, new: Contract) -> Iterator[Change]:
    from datacontract.data_contract import DataContract  # takes 1 s, needed after a change only
    from datacontract.model.breaking import BreakingChangeLevel, Perspective

    before, after = (
        DataContract(data_contract_file=str(contract.file), inline_references=False)
        for contract in (old, new)
    )
    same = {f"{path}{end}" for path in _columns_of_one_type(old, new) for end in TYPE_WORDS}
    for perspective in (Perspective.CONSUMER, Perspective.PRODUCER):
        for entry in before.breaking(after, perspective=perspective).entries:
            if any(f"{entry.path}.".startswith(path) for path in same):
                continue  # another spelling of the same type
            # What cannot be told is no reason to hope: a rule that may be weaker is weaker.
            is_unclear = entry.level == BreakingChangeLevel.WARNING
            if entry.level == BreakingChangeLevel.ERROR or (
                is_unclear and perspective == Perspective.CONSUMER
            ):
                yield Change(entry.path, entry.message, perspective.value)


def _columns_of_one_type(old: Contract, new: Contract) -> Iterator[str]:
    """The ways to the columns that DuckDB holds in the same type before and after."""
    types = {
        (table.relation, column.name): column.physical_type
        for table in new.tables
        for column in table.columns
    }
    for table in old.tables:
        for column in table.columns:
            if types.get((table.relation, column.name)) == column.physical_type:
                yield f"schema.{table.relation}.properties.{column.name}"


def _own_changes(old: Contract, new: Contract) -> Iterator[Change]:
    for role in old.roles:
        if role not in new.roles:
            yield Change(f"roles.{role}", f"Removed role {role}", "consumer")
    if (old.is_restricted, old.domain) != (new.is_restricted, new.domain):
        yield Change("servers", "Moved to another file or domain", "consumer")
    promised = {(promise.property, promise.element): promise for promise in new.sla}
    for promise in old.sla:
        yield from _sla_changes(promise, promised.get((promise.property, promise.element)))
    tables = {table.relation: table for table in new.tables}
    for table in old.tables:
        if table.relation in tables:  # the tool tells of one that is gone
            yield from _table_changes(table, tables[table.relation])


def _sla_changes(old: SlaProperty, new: SlaProperty | None) -> Iterator[Change]:
    path = f"slaProperties.{old.property}"
    if new is None:
        if old.property != END_OF_LIFE:  # an end that is called off harms nobody
            yield Change(path, f"Removed {old.property} of {old.element or 'all'}", "consumer")
        return
    before, after = _amount(old), _amount(new)
    is_worse, is_better = before != after, before != after
    if old.property in (*MORE_IS_BETTER, *LESS_IS_BETTER) and type(before) is type(after):
        is_worse, is_better = after < before, after > before
        if old.property in LESS_IS_BETTER:
            is_worse, is_better = is_better, is_worse
    told = f"Changed {old.property} from {_told(old)} to {_told(new)}"
    if is_worse:
        yield Change(path, told, "consumer")
    if is_better:
        yield Change(path, told, "producer")
    if (old.severity, new.severity) == ("error", "warn"):
        yield Change(f"{path}.severity", f"{old.property} only warns", "consumer")


def _amount(promise: SlaProperty) -> Any:
    if promise.unit in (*DAYS, *HOURS, *MINUTES):
        return promise.span()
    is_number = isinstance(promise.value, int | float)
    return float(promise.value) if is_number and promise.unit is None else _told(promise)


def _told(promise: SlaProperty) -> str:
    return f"{promise.value} {promise.unit or ''}".strip()


def _table_changes(old: Table, new: Table) -> Iterator[Change]:
    path = f"schema.{old.relation}"
    if set(old.key) != set(new.key):
        told = f"Changed key from {', '.join(old.key)} to {', '.join(new.key)}"
        yield Change(f"{path}.key", told, "consumer")
    columns = {column.name: column for column in new.columns}
    for column in old.columns:
        if column.name in columns:
            way = f"{path}.properties.{column.name}"
            yield from _column_changes(way, column, columns[column.name])
    kept = [column.name for column in old.columns if column.name in columns]
    if [column.name for column in new.columns][: len(kept)] != kept:
        told = "Moved columns: those of before stand first, in the order of before"
        yield Change(f"{path}.properties", told, "consumer")


def _column_changes(path: str, old: Column, new: Column) -> Iterator[Change]:
    if old.unit != new.unit:
        told = f"Changed unit from {old.unit or 'none'} to {new.unit or 'none'}"
        yield Change(f"{path}.unit", told, "consumer")
    if old.classification != new.classification:
        known = old.classification in CLASSES and new.classification in CLASSES
        told = f"Changed classification from {old.classification} to {new.classification}"
        if not known or CLASSES.index(new.classification) > CLASSES.index(old.classification):
            yield Change(f"{path}.classification", told, "consumer")
