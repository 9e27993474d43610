"""Owners, descriptions, classifications, objectives, names: each policy refuses what breaks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dagster_project.contracts.contract import SupportChannel
from dagster_project.contracts.policies import Evidence, Policy, violations
from dagster_project.contracts.policies.classifications import EVERY_COLUMN_IS_CLASSIFIED
from dagster_project.contracts.policies.descriptions import EVERYTHING_IS_DESCRIBED
from dagster_project.contracts.policies.names import NAMES_TELL_WHAT_THINGS_ARE
from dagster_project.contracts.policies.objectives import REQUIRED_OBJECTIVES_ARE_PROMISED
from dagster_project.contracts.policies.owners import OWNER_CAN_BE_REACHED

One = Callable[..., Evidence]

BROKEN: list[tuple[Policy, dict[str, Any], str, str]] = [
    (
        OWNER_CAN_BE_REACHED,
        {"product": {"owner": "the sales team"}},
        "sales_events, owner: expected an e-mail address",
        "'the sales team'",
    ),
    (
        OWNER_CAN_BE_REACHED,
        {"contract": {"owner": "sales@localhost"}},
        "contract_v1.odcs.yaml, owner: expected an e-mail address",
        "'sales@localhost'",
    ),
    (
        OWNER_CAN_BE_REACHED,
        {"contract": {"support": ()}},
        "contract_v1.odcs.yaml, support: expected a channel",
        "no channel",
    ),
    (
        OWNER_CAN_BE_REACHED,
        {"contract": {"support": (SupportChannel("sales data", "ask around"),)}},
        "contract_v1.odcs.yaml, support: expected a channel",
        "ask around",
    ),
    (EVERYTHING_IS_DESCRIBED, {"product": {"purpose": " "}}, "sales_events: expected", "''"),
    (EVERYTHING_IS_DESCRIBED, {"contract": {"purpose": ""}}, "contract_v1.odcs.yaml:", "''"),
    (EVERYTHING_IS_DESCRIBED, {"table": {"description": "Lines"}}, "sales_events_v1:", "'Lines'"),
    (
        EVERYTHING_IS_DESCRIBED,
        {"column": {"description": "Customer key."}},
        "sales_events_v1.customer_key:",
        "'Customer key.'",
    ),
    (
        EVERY_COLUMN_IS_CLASSIFIED,
        {"column": {"classification": ""}},
        "sales_events_v1.customer_key: expected one of public, internal, confidential, restricted",
        "''",
    ),
    (
        EVERY_COLUMN_IS_CLASSIFIED,
        {"column": {"classification": "secret"}},
        "sales_events_v1.customer_key: expected one of",
        "'secret'",
    ),
    (
        REQUIRED_OBJECTIVES_ARE_PROMISED,
        {"contract": {"sla": ()}},
        "contract_v1.odcs.yaml: expected a promise of freshness under slaProperties",
        "none",
    ),
    (NAMES_TELL_WHAT_THINGS_ARE, {"product": {"name": "Sales"}}, "words_like_these", "Sales"),
    (
        NAMES_TELL_WHAT_THINGS_ARE,
        {"table": {"relation": "sales_events"}},
        "sales_events: expected words_like_these_v1",
        "sales_events",
    ),
    (
        NAMES_TELL_WHAT_THINGS_ARE,
        {"contract": {"major": 2}},
        "sales_events_v1: expected words_like_these_v2",
        "sales_events_v1",
    ),
    (
        NAMES_TELL_WHAT_THINGS_ARE,
        {"column": {"name": "CustomerKey"}},
        "CustomerKey: expected words_like_these",
        "CustomerKey",
    ),
    (
        NAMES_TELL_WHAT_THINGS_ARE,
        {"column": {"name": "sold", "logical_type": "date"}},
        "sold: expected a name that ends in _on for a date",
        "sold",
    ),
    (
        NAMES_TELL_WHAT_THINGS_ARE,
        {"column": {"name": "sold", "logical_type": "timestamp"}},
        "sold: expected a name that ends in _at for a timestamp",
        "sold",
    ),
    (
        NAMES_TELL_WHAT_THINGS_ARE,
        {"column": {"name": "is_known", "logical_type": "string"}},
        "is_known: expected a boolean, as its name says",
        "string",
    ),
]


@pytest.mark.parametrize(("policy", "changes", "expected", "found"), BROKEN)
def test_what_breaks_a_policy_is_told_with_place_rule_and_finding(
    one: One, policy: Policy, changes: dict[str, Any], expected: str, found: str
) -> None:
    assert list(policy.violations(one())) == []
    told = [str(violation) for violation in policy.violations(one(**changes))]
    assert told
    assert expected in told[0]
    assert f"found {found}. To mend it, " in told[0]
    assert told[0].split(": ")[1] == policy.name


def test_each_table_of_data_promises_how_it_is_served(one: One) -> None:
    renamed = one(table={"relation": "sales_lines_v1"})
    expected = [found.expected for found in REQUIRED_OBJECTIVES_ARE_PROMISED.violations(renamed)]
    assert expected == [
        f"a promise of {name} under slaProperties"
        for name in ("availability", "queryLatencyP95", "schemaStability")
    ]


def test_a_new_product_is_held_against_the_policies_without_being_listed(
    evidence: Evidence,
) -> None:
    fourth = replace(evidence.products[0], name="fourth", owner="nobody")
    with_it = replace(evidence, products=(*evidence.products, fourth))
    new = {found.policy for found in violations(with_it) if found.product == "fourth"}
    assert OWNER_CAN_BE_REACHED.name in new


def test_a_staging_model_is_named_after_its_source_and_entity(evidence: Evidence) -> None:
    def named(name: str) -> list[str]:
        node = {
            "resource_type": "model",
            "name": name,
            "fqn": ["meshcast", "staging", "till", name],
            "original_file_path": f"models/staging/till/{name}.sql",
        }
        manifest = {"nodes": {name: node}}
        found = NAMES_TELL_WHAT_THINGS_ARE.violations(replace(evidence, manifest=manifest))
        return [violation.object for violation in found]

    assert named("stg_till__sales_events") == []
    assert named("stg_till_sales") == ["models/staging/till/stg_till_sales.sql"]
    assert named("SalesEvents") == ["models/staging/till/SalesEvents.sql"]
