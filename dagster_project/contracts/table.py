"""A published table as its contract promises it: columns, key, quality rules, how files are cut."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dagster_project.contracts.column_types import duckdb_type


@dataclass(frozen=True)
class Column:
    """A column of a published table, in the order of the contract.

    Its physical type is DuckDB's own name of the one that the contract writes.
    """

    name: str
    logical_type: str
    physical_type: str
    description: str
    classification: str
    is_required: bool
    key_position: int | None
    is_partition: bool = False
    unit: str | None = None


@dataclass(frozen=True)
class QualityRule:
    """What must hold of a table's rows; run by dbt on the candidate and by `datacontract test`.

    Attributes:
        name: the rule, and the dbt test that holds it.
        type: sql or library.
        description: what it says, for people.
        query: of type sql: counts the rows that break it.
        metric: of type library: what is counted, such as duplicateValues.
        columns: of type library: the columns it is about.
        limit: the operator and its value, such as {"mustBe": 0}.
        severity: error or warn.
        dbt_test: the hand-written dbt test that holds it; None where one is generated from it.
    """

    name: str
    type: str
    description: str
    query: str | None
    metric: str | None
    columns: tuple[str, ...]
    limit: Mapping[str, Any]
    severity: str
    dbt_test: str | None


@dataclass(frozen=True)
class Table:
    """A published table.

    Attributes:
        relation: its name in the port files, `<model>_v<major>`.
        description: what it holds, for people.
        columns: in their order.
        quality: what must hold of its rows.
        tags: labels of it.
        key: columns that make a row one of its kind, in the order the files are sorted by.
        granularity: what one row is, where the contract says it in words.
        not_compared: columns that differ between two runs that did the same.
    """

    relation: str
    description: str
    columns: tuple[Column, ...]
    quality: tuple[QualityRule, ...]
    tags: tuple[str, ...]
    key: tuple[str, ...]
    granularity: str | None = None
    not_compared: tuple[str, ...] = ()

    @property
    def model(self) -> str:
        """The dbt model, which is the relation without its version."""
        return re.sub(r"_v\d+$", "", self.relation)

    @property
    def month_of(self) -> str | None:
        """Date column whose months are the files, or None."""
        return self._partition(of_dates=True)

    @property
    def value_of(self) -> str | None:
        """Column whose values are the files, or None."""
        return self._partition(of_dates=False)

    def _partition(self, *, of_dates: bool) -> str | None:
        named = [
            column.name
            for column in self.columns
            if column.is_partition and (column.logical_type == "date") == of_dates
        ]
        return named[0] if named else None


def table_of(value: dict[str, Any]) -> Table:
    """The table that an entry of a contract's schema without problems describes."""
    columns = tuple(_column(column) for column in value["properties"])
    custom = custom_properties(value)
    ordered = sorted((c for c in columns if c.key_position), key=lambda c: c.key_position or 0)
    return Table(
        relation=value["name"],
        description=value["description"],
        columns=columns,
        quality=tuple(rule_of(rule) for rule in value.get("quality", [])),
        tags=tuple(value.get("tags", ())),
        key=tuple(column.name for column in ordered) or tuple(custom.get("rowKey", ())),
        granularity=value.get("dataGranularityDescription"),
        not_compared=tuple(custom.get("notCompared", ())),
    )


def _column(value: dict[str, Any]) -> Column:
    return Column(
        name=value["name"],
        logical_type=value["logicalType"],
        physical_type=duckdb_type(value["physicalType"]) or value["physicalType"],
        description=value["description"],
        classification=value.get("classification", ""),
        is_required=value.get("required", False),
        key_position=value.get("primaryKeyPosition") if value.get("primaryKey") else None,
        is_partition=value.get("partitioned", False),
        unit=custom_properties(value).get("unit"),
    )


def rule_of(value: dict[str, Any]) -> QualityRule:
    """The rule that an entry of a table's quality describes."""
    return QualityRule(
        name=value["name"],
        type=value["type"],
        description=value["description"],
        query=value.get("query"),
        metric=value.get("metric"),
        columns=tuple((value.get("arguments") or {}).get("properties", ())),
        limit={key: limit for key, limit in value.items() if key.startswith("must")},
        severity={"warning": "warn"}.get(value.get("severity", "error"), "error"),
        dbt_test=custom_properties(value).get("dbtTest"),
    )


def custom_properties(value: dict[str, Any]) -> dict[str, Any]:
    """What stands under customProperties, by its name."""
    return {item["property"]: item["value"] for item in value.get("customProperties", [])}
