"""Conformal intervals: ranks, strata, and that they cover what they say."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.forecasting.intervals import (
    LEVELS,
    PUBLISHED,
    QUANTILES,
    NoErrors,
    Strata,
    conformal_quantiles,
    errors_of,
    fit_intervals,
    quantile_frame,
)
from dagster_project.forecasting.metrics import coverage

EXACT_LEVELS = [Fraction(rank, 120) for rank in range(1, 120)]
errors = st.lists(st.floats(-10, 10), min_size=1, max_size=200)


@given(errors)
def test_quantiles_stand_at_the_rank_that_conformal_prediction_needs(values: list) -> None:
    found = conformal_quantiles(np.array(values))
    ordered, count = sorted(values), len(values)
    for level, quantile in zip(EXACT_LEVELS, found, strict=True):
        exact = (count + 1) * level
        rank = -(-exact // 1) if level >= Fraction(1, 2) else exact // 1
        assert quantile == ordered[min(max(int(rank), 1), count) - 1]


def test_the_published_levels_are_five_of_those_that_are_kept() -> None:
    assert LEVELS[PUBLISHED].tolist() == list(QUANTILES.values())


def test_a_small_stratum_takes_the_quantiles_of_its_parent() -> None:
    parent = np.arange(5.0)
    small, enough = np.zeros(9), np.zeros(10)
    assert conformal_quantiles(small, 10, parent) is parent
    assert (conformal_quantiles(enough, 10, parent) == 0).all()


@given(st.integers(0, 2**31), st.integers(1, 120))
def test_quantiles_never_cross_and_are_never_negative(seed: int, count: int) -> None:
    chance = np.random.default_rng(seed)
    forecast = chance.gamma(1, 5, count) * (chance.random(count) < 0.8)
    actual = chance.poisson(forecast + 0.2).astype(float)
    actual[chance.random(count) < 0.1] = np.nan
    actual[0] = 1.0
    spread = np.maximum(forecast, 0.1)
    horizon = chance.integers(1, 29, count)
    table = fit_intervals(errors_of(actual, forecast, spread), forecast, horizon, Strata(4, 7, 20))
    later = chance.gamma(1, 9, count)
    found = quantile_frame(table, later, later, chance.integers(1, 60, count)).to_numpy()
    assert (found >= 0).all()
    assert (np.diff(found, axis=1) >= 0).all()


def test_intervals_cover_what_they_say_on_days_they_have_not_seen() -> None:
    chance = np.random.default_rng(5)
    forecast = np.exp(chance.uniform(np.log(20), np.log(500), 40_000))
    noise = np.where(forecast > 100, 0.1, 0.4)  # small series are noisier: strata must tell
    actual = np.maximum(forecast * (1 + noise * chance.standard_normal(len(forecast))), 0)
    horizon = chance.integers(1, 29, len(forecast))
    past, later = slice(0, 20_000), slice(20_000, None)
    table = fit_intervals(
        errors_of(actual[past], forecast[past], forecast[past]),
        forecast[past],
        horizon[past],
        Strata(),
    )
    found = quantile_frame(table, forecast[later], forecast[later], horizon[later])
    quantile = {name: found[name].to_numpy() for name in QUANTILES}
    for large in (False, True):
        chosen = (forecast[later] > 100) == large
        covered = [
            coverage(actual[later][chosen], quantile[low][chosen], quantile[high][chosen])
            for low, high in (("units_p10", "units_p90"), ("units_p025", "units_p975"))
        ]
        assert covered == pytest.approx([0.8, 0.95], abs=0.015)


def test_later_horizons_have_their_own_width() -> None:
    chance = np.random.default_rng(6)
    horizon = np.repeat(np.arange(1, 15), 400)
    forecast = np.full(len(horizon), 50.0)
    actual = forecast + np.where(horizon > 7, 20, 5) * chance.standard_normal(len(horizon))
    table = fit_intervals(errors_of(actual, forecast, forecast), forecast, horizon, Strata())
    found = quantile_frame(table, np.full(3, 50.0), np.full(3, 50.0), np.array([1, 14, 40]))
    width = (found["units_p90"] - found["units_p10"]).to_numpy()
    assert width[1] > 3 * width[0]
    assert width[2] == width[1], "beyond the calibrated horizon the last block counts"


def test_a_day_without_spread_has_the_forecast_as_every_quantile() -> None:
    one = np.ones(50)
    table = fit_intervals(one, one, np.ones(50, dtype=np.int64), Strata())
    found = quantile_frame(table, np.zeros(1), np.zeros(1), np.array([1]))
    assert (found.to_numpy() == 0).all()


def test_null_actuals_and_closed_days_teach_nothing() -> None:
    actual = np.array([1.0, np.nan, 500.0, 2.0])
    spread = np.array([1.0, 1.0, 0.0, 1.0])
    days = np.ones(4, dtype=np.int64)
    table = fit_intervals(errors_of(actual, np.ones(4), spread), np.ones(4), days, Strata())
    assert table.quantiles.min() == 0.0
    assert table.quantiles.max() == 1.0
    assert table.quantiles.shape[-1] == len(LEVELS)


def test_no_known_actual_at_all_is_an_error() -> None:
    with pytest.raises(NoErrors, match="expected past forecasts with known actuals, found none"):
        fit_intervals(np.array([np.nan]), np.ones(1), np.ones(1, np.int64), Strata())
