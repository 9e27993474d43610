"""Dispersion: groups that are harder to forecast get wider intervals, others narrower ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dagster_project.forecasting.dispersion import PRIOR_ERRORS, fit_dispersion
from dagster_project.forecasting.intervals import Strata, fit_intervals, quantile_frame

WIDTHS = {"bread": 1.0, "fish": 2.5, "salt": 0.5}
"""Spread of the errors of each product."""


def invented(days: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows of three products in two stores, and errors as ratios to the forecast."""
    chance = np.random.default_rng(seed)
    rows = pd.DataFrame(
        [(p, s, e) for p in WIDTHS for s in ("1", "2") for e in [False] * 9 + [True]] * days,
        columns=["product_id", "store_id", "is_event"],
    )
    width = rows["product_id"].map(WIDTHS) * np.where(rows["is_event"], 2.0, 1.0)
    return rows, chance.normal(0, 0.1, len(rows)) * width.to_numpy(dtype=float)


def test_factors_are_the_sizes_of_a_groups_errors_one_group_after_the_other() -> None:
    rows, errors = invented(days=400, seed=1)
    sizes = np.abs(errors) / np.abs(errors).mean()
    found = fit_dispersion(rows, sizes).factors
    left = pd.Series(sizes)
    for name in ("product_id", "store_id", "is_event"):
        slow = {}
        for value in rows[name].unique():
            chosen = left[rows[name] == value]
            slow[str(value)] = (chosen.sum() + PRIOR_ERRORS) / (len(chosen) + PRIOR_ERRORS)
        assert found[name] == pytest.approx(slow)
        left = left / rows[name].astype(str).map(slow)
    assert found["product_id"]["fish"] / found["product_id"]["bread"] == pytest.approx(2.5, rel=0.1)
    assert found["is_event"]["True"] / found["is_event"]["False"] == pytest.approx(2, rel=0.15)
    assert found["store_id"] == pytest.approx({"1": 1, "2": 1}, abs=0.05)


def test_each_group_is_covered_as_told_where_pooled_errors_would_fail_it() -> None:
    past, errors = invented(days=400, seed=2)
    later, later_errors = invented(days=400, seed=3)
    one, days = np.ones(len(past)), np.ones(len(past), dtype=np.int64)

    def covered(spread: np.ndarray, later_spread: np.ndarray) -> dict[str, float]:
        table = fit_intervals(one + errors, one, spread, days, Strata())
        bounds = quantile_frame(table, one, later_spread, days)
        inside = (one + later_errors).clip(min=0)
        hits = (bounds["units_p10"] <= inside) & (inside <= bounds["units_p90"])
        return hits.groupby(later["product_id"]).mean().to_dict()

    dispersion = fit_dispersion(past, np.abs(errors) / np.abs(errors).mean())
    pooled, weighted = covered(one, one), covered(dispersion.of(past), dispersion.of(later))
    assert pooled["fish"] < 0.6
    assert pooled["salt"] > 0.95
    assert weighted == pytest.approx(dict.fromkeys(WIDTHS, 0.8), abs=0.03)


def test_few_errors_change_little_and_a_group_without_any_nothing() -> None:
    rows = pd.DataFrame({"product_id": ["a"] * 5, "store_id": ["1"] * 5, "is_event": False})
    found = fit_dispersion(rows, np.array([9.0, 9.0, 9.0, 9.0, np.nan]))
    assert found.factors["product_id"] == {"a": pytest.approx((36 + 200) / 204)}
    new = pd.DataFrame(
        {"product_id": ["b", None], "store_id": ["2", "3"], "is_event": [True, True]}
    )
    assert found.of(new).tolist() == [1.0, 1.0]
