from pathlib import Path

import pytest

from dagster_project.contracts.contract import read_contracts
from dagster_project.contracts.measured import MEASURED, unmeasured
from tests.contracts.conftest import Edit

DAILY = "daily_sales/contract_v1.odcs.yaml"


def found(products: Path) -> list[str]:
    return [str(problem) for problem in unmeasured(read_contracts(products))]


def test_every_promise_of_the_contracts_is_measured() -> None:
    assert unmeasured(read_contracts()) == []


def test_a_promise_that_nobody_measures_is_named_with_its_line_and_what_can_be_promised(
    products: Path, edit: Edit
) -> None:
    edit(DAILY, "property: volume", "property: throughput")

    (problem,) = found(products)

    line = (products / DAILY).read_text().splitlines().index("  - property: throughput") + 1
    assert problem.startswith(f"{products / DAILY}:{line}: slaProperties[throughput]: ")
    assert "found 'throughput'" in problem
    assert "queryLatencyP95" in problem


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("unit: factor", "unit: share", "expected the unit factor, found 'share'"),
        ("element: daily_sales_v1.store_id", "element: daily_sales_v1.product_id", "store_id"),
        ("value: 0.85", "value: most", "expected a number as value, found 'most'"),
        ("property: volume", "property: bias", "without forecast_version, cutoff_on, target_on"),
        (
            "value: 2\n    unit: factor\n    element: daily_sales_v1\n",
            "value: 2\n    unit: factor\n",
            "daily_sales_v1, likely_stockouts_v1",
        ),
    ],
)
def test_a_promise_that_cannot_be_measured_as_it_stands_says_what_is_wrong(
    old: str, new: str, finding: str, products: Path, edit: Edit
) -> None:
    edit(DAILY, old, new)

    assert any(finding in problem for problem in found(products)), found(products)


def test_a_limit_is_read_as_at_most_at_least_or_within() -> None:
    assert MEASURED["freshness"].is_met(2, 2) and not MEASURED["freshness"].is_met(3, 2)
    assert MEASURED["completeness"].is_met(1, 0.9) and not MEASURED["completeness"].is_met(0.8, 0.9)
    assert MEASURED["bias"].is_met(-0.1, 0.1) and not MEASURED["bias"].is_met(-0.2, 0.1)
