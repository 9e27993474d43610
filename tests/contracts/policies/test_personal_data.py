"""No person reaches a port or the model, and what is hashed is classified and restricted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from dagster_project.contracts.declared_lineage import read_declared_lineage
from dagster_project.contracts.dry_build import DryBuild
from dagster_project.contracts.policies import Evidence, violations
from dagster_project.contracts.policies.gathering import gather
from dagster_project.contracts.policies.personal_data import PERSONAL_DATA_IS_MASKED
from dagster_project.contracts.product import read_products
from tests.contracts.small_project import LANDED, READ, lineage_of

One = Callable[..., Evidence]

OPEN = {
    "stg_till": (f"select landed.person as shopper from {READ}", "shopper"),
    "events": ("select shopper as who from stg_till", "who"),
    "sales_events_v1": ("select who as customer_key from events", "customer_key"),
}
HASHED = {
    **OPEN,
    "stg_till": (f"select hash_customer(landed.person) as shopper from {READ}", "shopper"),
}
WAY = f"the way {LANDED}.person → stg_till.shopper → events.who → sales_events_v1.customer_key"


def told(evidence: Evidence) -> list[str]:
    return [str(violation) for violation in PERSONAL_DATA_IS_MASKED.violations(evidence)]


def test_a_personal_column_renamed_through_two_models_is_refused_in_any_port(one: One) -> None:
    lineage = lineage_of(OPEN)
    for is_restricted in (False, True):
        (line,) = told(replace(one(contract={"is_restricted": is_restricted}), lineage=lineage))
        assert line == (
            "sales_events: personal_data_is_masked: sales_events_v1.customer_key: expected no "
            f"personal column but through hash_customer, {LANDED}.person being one, found {WAY}. "
            "To mend it, read it with landed(), which hashes it, or leave it out."
        )


def test_a_hash_is_for_restricted_ports_and_columns(one: One) -> None:
    lineage = lineage_of(HASHED)
    assert told(replace(one(), lineage=lineage)) == []
    (line,) = told(replace(one(column={"classification": "internal"}), lineage=lineage))
    assert f"expected the classification restricted, since it holds the hash of {LANDED}" in line
    assert f"found internal, by {WAY}" in line
    (line,) = told(replace(one(contract={"is_restricted": False}), lineage=lineage))
    assert "in a port that is open to all" in line


@pytest.mark.parametrize("mask", ["landed.person", "hash_customer(landed.person)"])
def test_a_feature_that_a_person_goes_into_is_refused_hashed_or_not(one: One, mask: str) -> None:
    frame = {
        "shoppers": (f"select {mask} as who, landed.units from {READ}", "who units"),
        "forecast_frame": (
            "select min(who) as f_taste, count(units) as f_mean_56 from shoppers",
            "f_taste f_mean_56",
        ),
    }
    seen = replace(one(), lineage=lineage_of({**HASHED, **frame}))
    assert told(replace(seen, model_inputs=("f_mean_56",))) == []
    (line,) = told(replace(seen, model_inputs=("f_mean_56", "f_taste")))
    assert "forecast_frame.f_taste: expected no personal column among what the model reads" in line
    assert f"{LANDED}.person → shoppers.who → forecast_frame.f_taste" in line


def test_what_cannot_be_followed_is_refused(one: One) -> None:
    models = {**HASHED, "events": ("select nobody as who from stg_till", "who")}
    (line,) = told(replace(one(), lineage=lineage_of(models)))
    assert "events: expected columns whose origin can be told, found " in line
    assert "nobody" in line


def test_a_promised_column_that_nothing_makes_is_refused(one: One) -> None:
    seen = replace(one(column={"name": "loyalty_tier"}), lineage=lineage_of(HASHED))
    (line,) = told(seen)
    assert "sales_events_v1.loyalty_tier: expected a column that the project makes" in line


def test_every_policy_holds_for_this_checkout_and_every_source_it_declares(
    built_dry: DryBuild,
) -> None:
    evidence = gather(read_products(), read_declared_lineage(), built_dry)
    assert [str(violation) for violation in violations(evidence)] == []
    personal = {str(column) for column in evidence.lineage.personal}
    assert "landing.complete_journey__sales_events.household_id" in personal
    assert "landing.online_retail__sales_events.customerid" in personal
    assert {"f_mean_56", "f_base", "category", "horizon_days"} <= set(evidence.model_inputs)


def test_models_of_ours_that_let_a_person_through_are_refused(built_dry: DryBuild) -> None:
    read_openly, as_another = (
        "stg_complete_journey__sales_events",
        "stg_online_retail__sales_events",
    )
    build = built_dry
    for model, old, new in [
        (
            read_openly,
            'hash_customer(cast(landed."household_id" as varchar))',
            "landed.household_id",
        ),
        (as_another, "Country as store_id", "CustomerID as store_id"),
    ]:
        sql = build.queries[model][0]
        assert old in sql
        build = build.with_query(model, sql.replace(old, new, 1))
    lines = told(gather(read_products(), read_declared_lineage(), build))

    household = "landing.complete_journey__sales_events.household_id"
    assert any(
        "sales_events_v1.customer_key: expected no personal column" in line and household in line
        for line in lines
    )
    # compared openly, it decides which of two lines counts: that is refused as well
    assert any("daily_sales_v1.last_known_on: " in line and household in line for line in lines)
    customer = "landing.online_retail__sales_events.customerid"
    for place in (
        "daily_sales_v1.store_id",
        "forecast_frame.store_id",
        "sales_forecast_v1.store_id",
    ):
        assert any(f" {place}: " in line and customer in line for line in lines), place
