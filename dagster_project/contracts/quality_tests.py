"""The dbt tests of a table: each of its quality rules, and that what is required is there.

A rule is held twice from one declaration: by dbt on the candidate before it is published, and by
`datacontract test` on what is published.
"""

from __future__ import annotations

import re
from typing import Any

from dagster_project.contracts.table import QualityRule, Table

NONE_BREAKS_IT = {"mustBe": 0}


def quality_tests(table: Table) -> list[dict[str, Any]]:
    """The `data_tests` of a table in dbt's own words, in the order of the contract."""
    tests = [test for rule in table.quality if (test := _test_of(rule, table.relation))]
    required = [column.name for column in table.columns if column.is_required]
    if required:
        name = f"{table.relation}_has_every_required_value"
        tests.append({"has_values": {"name": name, "arguments": {"columns": required}}})
    return tests


def unheld_rule(rule: QualityRule, relation: str) -> str | None:
    """What a rule must look like that dbt cannot hold as it is; None when dbt can."""
    if rule.dbt_test is not None or _test_of(rule, relation) is not None:
        return None
    if rule.type == "library":
        return "the metric duplicateValues over arguments.properties with mustBe: 0"
    return f"`select count(*) from {relation} where …` with mustBe: 0"


def _test_of(rule: QualityRule, relation: str) -> dict[str, Any] | None:
    if rule.dbt_test is not None or rule.limit != NONE_BREAKS_IT:
        return None
    if rule.type == "library":
        if rule.metric != "duplicateValues" or not rule.columns:
            return None
        return _named("one_row_per", rule, {"columns": list(rule.columns)})
    query = " ".join((rule.query or "").split())
    broken = re.fullmatch(rf"select count\(\*\) from {relation} where (.+)", query)
    if broken is None:
        return None
    return _named("holds", rule, {"expression": _opposite(broken.group(1))})


def _named(test: str, rule: QualityRule, arguments: dict[str, Any]) -> dict[str, Any]:
    declared: dict[str, Any] = {"name": rule.name, "description": rule.description}
    declared["arguments"] = arguments
    if rule.severity == "warn":
        declared["config"] = {"severity": "warn"}
    return {test: declared}


def _opposite(condition: str) -> str:
    """What holds where a condition does not; `not (x)` becomes x."""
    inner = re.fullmatch(r"not \((.*)\)", condition)
    if inner is None or not _is_balanced(inner.group(1)):
        return f"not ({condition})"
    return inner.group(1)


def _is_balanced(text: str) -> bool:
    depth = 0
    for character in re.sub(r"'[^']*'", "", text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            return False
    return depth == 0
