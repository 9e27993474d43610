"""What the standard leaves open and we do not: what each contract must say, and agree on."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Any

from dagster_project.contracts.column_types import type_finding
from dagster_project.contracts.document import Document, Keys, Problem
from dagster_project.contracts.quality_tests import unheld_rule
from dagster_project.contracts.table import rule_of

REQUIRED = (
    *("id", "name", "version", "status", "domain", "dataProduct", "description"),
    *("schema", "team", "roles", "servers"),
)
LOOKED_INTO = ("version", "dataProduct", "description", "schema", "team")
CUSTOM_PROPERTIES = {
    "table": ("rowKey", "notCompared"),
    "column": ("unit",),
    "quality": ("dbtTest",),
    "sla": ("severity",),
}
"""Names under customProperties that mean something here; another one is a misspelt one."""

RULES = {"sql": "query", "library": "metric"}
DAYS, HOURS, MINUTES = ("d", "day", "days"), ("h", "hour", "hours"), ("m", "minute", "minutes")
TIMED = ("freshness", "retention")
END_OF_LIFE = "endOfLife"
SEVERITIES = ("error", "warn")
E_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


def contract_problems(document: Document) -> list[Problem]:
    """What in a contract that is as its standard has it is not as we need it."""
    value = document.value
    missing = [document.missing((), key) for key in REQUIRED if not value.get(key)]
    if not all(value.get(key) for key in LOOKED_INTO):
        return missing
    return [
        *missing,
        *_name_problems(document),
        *_owner_problems(document),
        *(
            problem
            for position, _ in enumerate(value["schema"])
            for problem in _table_problems(document, ("schema", position))
        ),
        *_sla_problems(document),
    ]


def _name_problems(document: Document) -> Iterator[Problem]:
    value, file = document.value, document.file
    major, product = major_of(document), file.parent.name
    if not re.fullmatch(rf"{major}\.\d+\.\d+", value["version"]):
        yield document.problem(
            ("version",),
            f"{major}.<minor>.<patch>, since the file is {file.name}",
            value["version"],
            "write such a version, or name the file after the major one",
        )
    if value["dataProduct"] != product:
        yield document.problem(
            ("dataProduct",),
            f"the name of its folder, {product}",
            value["dataProduct"],
            f"write dataProduct: {product}, or move the file",
        )
    if "purpose" not in value["description"]:
        yield document.missing(("description",), "purpose")


def major_of(document: Document) -> str:
    """The major version that the name of the file says."""
    return document.file.name.removeprefix("contract_v").split(".")[0]


def _owner_problems(document: Document) -> Iterator[Problem]:
    members = document.value["team"].get("members", [])
    owners = [member["username"] for member in members if member.get("role") == "owner"]
    if len(owners) != 1 or not E_MAIL.fullmatch(owners[0]):
        yield document.problem(
            ("team", "members"),
            "one member with role: owner and an e-mail address as username",
            ", ".join(owners) or "none",
            "name the one who answers for it",
        )


def _table_problems(document: Document, keys: Keys) -> Iterator[Problem]:
    table = document.at(keys)
    major = major_of(document)
    if not table["name"].endswith(f"_v{major}"):
        yield document.problem(
            (*keys, "name"), f"a name that ends in _v{major}", table["name"], "write it so"
        )
    if not table.get("description"):
        yield document.missing(keys, "description")
    if not table.get("properties"):
        yield document.missing(keys, "properties")
        return
    columns = [column["name"] for column in table["properties"]]
    for position, _ in enumerate(columns):
        yield from _column_problems(document, (*keys, "properties", position), columns)
    yield from _key_problems(document, keys)
    yield from _custom_problems(document, keys, "table")
    for item, custom in enumerate(table.get("customProperties", [])):
        way = (*keys, "customProperties", item, "value")
        yield from _column_names(document, way, custom["value"], columns)
    for position, _ in enumerate(table.get("quality", [])):
        yield from _rule_problems(document, (*keys, "quality", position), columns, table["name"])


def _column_problems(document: Document, keys: Keys, columns: list[str]) -> Iterator[Problem]:
    column = document.at(keys)
    for key in ("logicalType", "physicalType", "description"):
        if not column.get(key):
            yield document.missing(keys, key)
    if columns.count(column["name"]) > 1:
        yield document.problem(keys, "each column once", f"{column['name']} twice", "remove one")
    if column.get("logicalType") and column.get("physicalType"):
        finding = type_finding(column["logicalType"], column["physicalType"])
        if finding:
            expected, remedy = finding
            yield document.problem(
                (*keys, "physicalType"), expected, column["physicalType"], remedy
            )
    if column.get("primaryKey") and not column.get("required"):
        yield document.problem(
            keys, "required: true, since it is part of the key", "none", "write it, or use rowKey"
        )
    yield from _custom_problems(document, keys, "column")
    if "quality" in column:
        yield document.problem(
            (*keys, "quality"), "rules on the table only", "rules of a column", "move them there"
        )


def _key_problems(document: Document, keys: Keys) -> Iterator[Problem]:
    table = document.at(keys)
    primary = [column for column in table["properties"] if column.get("primaryKey")]
    positions = sorted(column.get("primaryKeyPosition", 0) for column in primary)
    custom = {item["property"] for item in table.get("customProperties", [])}
    if positions != list(range(1, len(primary) + 1)):
        yield document.problem(
            keys,
            f"primaryKeyPosition 1 to {len(primary)} on its key",
            positions,
            "number the columns of the key",
        )
    if bool(primary) == ("rowKey" in custom):
        yield document.problem(
            keys,
            "either primaryKey on columns or, where one of them can be null, rowKey under "
            "customProperties",
            "both" if primary else "none",
            "say what makes a row one of its kind",
        )
    cut = [column["name"] for column in table["properties"] if column.get("partitioned")]
    if len(cut) > 1:
        yield document.problem(
            keys, "one partitioned column at most", ", ".join(cut), "keep the one files are cut by"
        )


def _rule_problems(
    document: Document, keys: Keys, columns: list[str], relation: str
) -> Iterator[Problem]:
    rule = document.at(keys)
    for key in ("name", "type", "description"):
        if key not in rule:
            yield document.missing(keys, key)
    kind = rule.get("type")
    if kind not in RULES:
        yield document.problem(
            (*keys, "type"), f"one of {', '.join(RULES)}", kind, "write a rule of such a type"
        )
    elif not any(key.startswith("must") for key in rule):
        yield document.missing(keys, "mustBe")
    arguments = rule.get("arguments") or {}
    way = (*keys, "arguments", "properties")
    yield from _column_names(document, way, arguments.get("properties", []), columns)
    yield from _custom_problems(document, keys, "quality")
    if {"name", "type", "description"} <= set(rule) and kind in RULES:
        asked = unheld_rule(rule_of(rule), relation)
        if asked is not None:
            yield document.problem(
                (*keys, RULES[kind]),
                f"a rule that dbt can hold on a candidate: {asked}",
                rule.get(RULES[kind]),
                "write it so, or name a test of dbt_project/tests as dbtTest under "
                "customProperties",
            )


def _sla_problems(document: Document) -> Iterator[Problem]:
    tables = {
        table["name"]: [column["name"] for column in table.get("properties", [])]
        for table in document.value["schema"]
    }
    for position, promise in enumerate(document.value.get("slaProperties", [])):
        keys: Keys = ("slaProperties", position)
        table, _, column = promise.get("element", "").partition(".")
        if table and (table not in tables or (column and column not in tables[table])):
            yield document.problem(
                (*keys, "element"),
                "a table or table.column of this contract",
                promise["element"],
                "correct the name",
            )
        units = (*DAYS, *HOURS, *MINUTES)
        if promise["property"] in TIMED and promise.get("unit") not in units:
            yield document.problem(
                (*keys, "unit"),
                f"one of {', '.join(units)}",
                promise.get("unit"),
                "write one of them",
            )
        if promise["property"] in TIMED and not isinstance(promise["value"], int | float):
            yield document.problem((*keys, "value"), "a number", promise["value"], "write one")
        if promise["property"] == END_OF_LIFE and not _is_day(promise["value"]):
            yield document.problem(
                (*keys, "value"), "a day as YYYY-MM-DD", promise["value"], "write it so"
            )
        yield from _custom_problems(document, keys, "sla")
        for item, custom in enumerate(promise.get("customProperties", [])):
            if custom["property"] == "severity" and custom["value"] not in SEVERITIES:
                yield document.problem(
                    (*keys, "customProperties", item, "value"),
                    f"one of {', '.join(SEVERITIES)}",
                    custom["value"],
                    "write one of them",
                )


def _custom_problems(document: Document, keys: Keys, kind: str) -> Iterator[Problem]:
    for item, custom in enumerate(document.at(keys).get("customProperties", [])):
        if custom["property"] not in CUSTOM_PROPERTIES[kind]:
            yield document.problem(
                (*keys, "customProperties", item, "property"),
                f"one of {', '.join(CUSTOM_PROPERTIES[kind])}",
                f"the unknown property {custom['property']!r}",
                "correct its name or remove it",
            )


def _column_names(
    document: Document, keys: Keys, named: Any, columns: list[str]
) -> Iterator[Problem]:
    names = named if isinstance(named, list) else [named]
    for name in names:
        if name not in columns:
            yield document.problem(
                keys, "columns of this table", f"{name!r}", f"write one of {', '.join(columns)}"
            )


def _is_day(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(datetime.date.fromisoformat(value))
    except ValueError:
        return False
