"""Dispersion: groups that are harder to forecast get wider intervals, others narrower ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.forecasting.dispersion import LIMITS, PRIOR_ERRORS, fit_dispersion
from dagster_project.forecasting.frames import day_kind
from dagster_project.forecasting.intervals import Strata, errors_of, fit_intervals, quantile_frame
from dagster_project.forecasting.metrics import Numbers

WIDTHS = {"bread": 1.0, "fish": 2.5, "salt": 0.5}
"""Spread of the errors of each product."""


def invented(days: int, seed: int) -> tuple[pd.DataFrame, Numbers]:
    """Rows of three products in two stores, and what was sold of a unit forecast; a twentieth 0."""
    chance = np.random.default_rng(seed)
    rows = pd.DataFrame(
        [(p, s, e) for p in WIDTHS for s in ("1", "2") for e in ["usual"] * 9 + ["holiday"]] * days,
        columns=["product_id", "store_id", "day_kind"],
    )
    width = rows["product_id"].map(WIDTHS) * np.where(rows["day_kind"] == "holiday", 2.0, 1.0)
    sold = np.exp(chance.normal(0, 0.1, len(rows)) * width.to_numpy(dtype=float))
    return rows, np.where(chance.random(len(rows)) < 0.05, 0.0, sold)


def sizes_of(sold: Numbers) -> Numbers:
    """Errors of a forecast of 1, over their mean."""
    return np.abs(sold - 1) / np.abs(sold - 1).mean()


def test_factors_are_the_sizes_of_a_groups_errors_one_group_after_the_other() -> None:
    rows, sold = invented(days=400, seed=1)
    found = fit_dispersion(rows, sizes_of(sold)).factors
    left = pd.Series(sizes_of(sold))
    for name in ("product_id", "store_id", "day_kind"):
        slow = {}
        for value in rows[name].unique():
            chosen = left[rows[name] == value]
            slow[str(value)] = (chosen.sum() + PRIOR_ERRORS) / (len(chosen) + PRIOR_ERRORS)
        if name == "day_kind":
            slow["event"] = slow["holiday"]  # of the kind that is not there, all that is known
        assert found[name] == pytest.approx(slow)
        left = left / rows[name].astype(str).map(slow)
    assert found["product_id"]["fish"] > found["product_id"]["bread"] > found["product_id"]["salt"]
    assert found["day_kind"]["holiday"] > 1.2 * found["day_kind"]["usual"]
    assert found["store_id"] == pytest.approx({"1": 1, "2": 1}, abs=0.05)


def test_each_product_is_covered_alike_where_pooled_errors_would_fail_it() -> None:
    past, sold = invented(days=400, seed=2)
    later, later_sold = invented(days=400, seed=3)
    one, days = np.ones(len(past)), np.ones(len(past), dtype=np.int64)

    def bounds(power: Numbers, later_power: Numbers) -> pd.DataFrame:
        table = fit_intervals(errors_of(sold, one, one, power), one, days, Strata())
        return quantile_frame(table, one, one, days, later_power)

    def covered(found: pd.DataFrame) -> dict[str, float]:
        hits = (found["units_p10"] <= later_sold) & (later_sold <= found["units_p90"])
        return hits.groupby(later["product_id"]).mean().to_dict()

    dispersion = fit_dispersion(past, sizes_of(sold))
    pooled, weighted = bounds(one, one), bounds(dispersion.of(past), dispersion.of(later))
    assert covered(pooled)["fish"] < 0.65
    assert covered(pooled)["salt"] > 0.9
    misses = [
        max(abs(share - 0.8) for share in covered(found).values()) for found in (pooled, weighted)
    ]
    assert misses[1] < misses[0] / 2
    assert (weighted["units_p025"] == 0).all(), "the twentieth day without a sale stays in"


def test_few_errors_change_little_and_a_group_without_any_nothing() -> None:
    rows = pd.DataFrame({"product_id": ["a"] * 5, "store_id": ["1"] * 5, "day_kind": "usual"})
    found = fit_dispersion(rows, np.array([9.0, 9.0, 9.0, 9.0, np.nan]))
    assert found.factors["product_id"] == {
        "a": pytest.approx((36 + PRIOR_ERRORS) / (4 + PRIOR_ERRORS))
    }
    new = pd.DataFrame(
        {"product_id": ["b", None], "store_id": ["2", "3"], "day_kind": ["event", "event"]}
    )
    assert found.of(new).tolist() == [1.0, 1.0]


@given(st.integers(0, 2**31))
def test_an_error_taken_back_gives_what_was_sold(seed: int) -> None:
    chance = np.random.default_rng(seed)
    forecast, power = chance.gamma(1, 9, 50) + 0.01, chance.uniform(*LIMITS, 50)
    sold = chance.poisson(forecast).astype(float)
    errors = errors_of(sold, forecast, forecast, power)
    assert (errors >= -1).all()
    assert forecast * (1 + errors) ** power == pytest.approx(sold, abs=1e-6)


def test_a_holiday_is_told_from_other_events_and_from_usual_days() -> None:
    frame = pd.DataFrame({"f_is_holiday": [1, 0, 0, None], "f_event_offset": [0, 0, 3, None]})
    assert day_kind(frame).tolist() == ["holiday", "event", "usual", "usual"]
    assert day_kind(frame[[]]).tolist() == ["usual"] * 4


def test_each_kind_of_special_day_is_at_least_as_wide_as_all_of_them_together() -> None:
    kinds = ["usual"] * 400 + ["event"] * 100 + ["holiday"] * 10
    rows = pd.DataFrame({"product_id": "a", "store_id": "1", "day_kind": kinds})
    for of_events, of_holidays, widest in ((2.0, 0.1, "event"), (0.5, 9.0, "holiday")):
        sizes = np.array([0.8] * 400 + [of_events] * 100 + [of_holidays] * 10)
        found = fit_dispersion(rows, sizes).factors["day_kind"]
        special = sizes[400:] / fit_dispersion(rows, sizes).factors["product_id"]["a"]
        special = special / fit_dispersion(rows, sizes).factors["store_id"]["1"]
        pooled = (special.sum() + PRIOR_ERRORS) / (len(special) + PRIOR_ERRORS)
        (other,) = {"event", "holiday"} - {widest}
        assert found[other] == pytest.approx(pooled)
        assert found[widest] > found[other] > found["usual"]
