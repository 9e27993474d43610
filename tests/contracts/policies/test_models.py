"""What is public is promised, and what is used is public."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dagster_project.contracts.policies import Evidence
from dagster_project.contracts.policies.exposures import EXPOSURES_USE_PUBLIC_MODELS
from dagster_project.contracts.policies.public_models import PUBLIC_MODELS_ARE_PROMISED

One = Callable[..., Evidence]


def manifest(uses: str = "model.sales_events.v1", **changes: Any) -> dict[str, Any]:
    """One public model that keeps the rules, with changes, one private one, and an exposure."""
    model = {
        "resource_type": "model",
        "name": "sales_events",
        "alias": "sales_events_v1",
        "access": "public",
        "version": 1,
        "config": {"contract": {"enforced": True}},
        "original_file_path": "models/data_products/sales_events_v1.sql",
    }
    loads = {"resource_type": "model", "alias": "loads", "access": "protected"}
    exposure = {
        "name": "weekly_report",
        "original_file_path": "models/exposures.yml",
        "depends_on": {"nodes": [uses]},
    }
    return {
        "nodes": {"model.sales_events.v1": model | changes, "model.loads": loads},
        "exposures": {"exposure.weekly_report": exposure},
    }


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"version": None}, "sales_events_v1.sql: expected a version, found none"),
        ({"config": {"contract": {"enforced": False}}}, "expected a contract that is enforced"),
        ({"alias": "notes_v1"}, "with the table notes_v1, found none"),
        ({"access": "private"}, "sales_events_v1: expected a public dbt model that makes it"),
    ],
)
def test_a_public_model_that_is_not_promised_is_refused(
    one: One, changes: dict[str, Any], told: str
) -> None:
    assert not list(PUBLIC_MODELS_ARE_PROMISED.violations(replace(one(), manifest=manifest())))
    broken = replace(one(), manifest=manifest(**changes))
    assert told in str(next(PUBLIC_MODELS_ARE_PROMISED.violations(broken)))


@pytest.mark.parametrize(
    ("uses", "found"),
    [
        ("model.loads", "model.loads (protected)"),
        ("source.meshcast.state.forecast_ledger", "forecast_ledger (no model)"),
    ],
)
def test_an_exposure_of_what_is_not_public_is_refused(one: One, uses: str, found: str) -> None:
    assert not list(EXPOSURES_USE_PUBLIC_MODELS.violations(replace(one(), manifest=manifest())))
    broken = replace(one(), manifest=manifest(uses=uses))
    (told,) = EXPOSURES_USE_PUBLIC_MODELS.violations(broken)
    assert "models/exposures.yml, exposure weekly_report: expected public models only" in str(told)
    assert told.found.endswith(found)
