"""Each measure against a slow and obvious loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.forecasting.metrics import (
    bias,
    coverage,
    exceedance,
    pinball,
    pit_bounds,
    pit_coverage,
    rmsse,
    series_without_scale,
    wape,
    wape_of_totals,
)

units = st.floats(0, 1e4, allow_nan=False, allow_subnormal=False).map(lambda x: round(x, 3))
days = st.lists(
    st.tuples(units, units, units, st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=40
)
SCALES = [0.0, 0.5, 3.0, float("nan")]


def _columns(rows: list[tuple[float, float, float, int, int]]) -> list[np.ndarray]:
    return [np.array(column) for column in zip(*rows, strict=True)]


def _same(found: float, expected: float) -> bool:
    if math.isnan(expected):
        return math.isnan(found)
    return found == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(days)
def test_wape_and_bias_are_sums_of_errors_over_sums_of_actuals(rows: list) -> None:
    absolute = signed = total = 0.0
    for actual, forecast, *_ in rows:
        absolute += abs(actual - forecast)
        signed += forecast - actual
        total += actual
    actual, forecast, *_ = _columns(rows)
    assert _same(wape(actual, forecast), absolute / total if total else math.nan)
    assert _same(bias(actual, forecast), signed / total if total else math.nan)


@given(days)
def test_wape_of_totals_sums_before_it_compares(rows: list) -> None:
    actuals: dict[int, float] = {}
    forecasts: dict[int, float] = {}
    for actual, forecast, _, _, total in rows:
        actuals[total] = actuals.get(total, 0) + actual
        forecasts[total] = forecasts.get(total, 0) + forecast
    error = sum(abs(actuals[total] - forecasts[total]) for total in actuals)
    everything = sum(actuals.values())
    actual, forecast, _, _, total = _columns(rows)
    expected = error / everything if everything else math.nan
    assert _same(wape_of_totals(actual, forecast, total), expected)


@given(days)
def test_rmsse_is_the_mean_of_each_series_root_mean_squared_scaled_error(rows: list) -> None:
    scores = []
    for series, scale in enumerate(SCALES):
        errors = [(actual - forecast) ** 2 for actual, forecast, _, s, _ in rows if s == series]
        if errors and scale > 0:
            scores.append(math.sqrt(sum(errors) / len(errors) / scale))
    actual, forecast, _, series, _ = _columns(rows)
    scale = np.array(SCALES)[series]
    expected = sum(scores) / len(scores) if scores else math.nan
    assert _same(rmsse(actual, forecast, scale, series), expected)
    left_out = {s for *_, s, _ in rows if not SCALES[s] > 0}
    assert series_without_scale(scale, series) == len(left_out)


@given(days, st.sampled_from([0.025, 0.1, 0.5, 0.9, 0.975]))
def test_pinball_weighs_each_side_of_the_quantile_by_its_level(rows: list, level: float) -> None:
    total = 0.0
    for actual, quantile, *_ in rows:
        if actual >= quantile:
            total += level * (actual - quantile)
        else:
            total += (1 - level) * (quantile - actual)
    actual, quantile, *_ = _columns(rows)
    assert _same(pinball(actual, quantile, level), total / len(rows))


@given(days)
def test_coverage_counts_days_within_the_bounds_themselves_included(rows: list) -> None:
    inside = 0
    for actual, lower, upper, *_ in rows:
        if lower <= actual <= upper:
            inside += 1
    actual, lower, upper, *_ = _columns(rows)
    assert _same(coverage(actual, lower, upper), inside / len(rows))
    assert coverage(actual, actual, actual) == 1.0


def test_nothing_scored_is_undefined_and_not_perfect() -> None:
    none, no_codes = np.zeros(0), np.zeros(0, dtype=np.int64)
    found = [
        wape(none, none),
        bias(none, none),
        rmsse(none, none, none, no_codes),
        pinball(none, none, 0.5),
        coverage(none, none, none),
    ]
    assert np.isnan(found).all()


@given(days)
def test_exceedance_is_the_share_of_days_above(rows: list) -> None:
    actual, upper, *_ = _columns(rows)
    expected = sum(y > u for y, u, *_ in rows) / len(rows)
    assert exceedance(actual, upper) == pytest.approx(expected)


def test_the_expected_share_of_the_randomised_pit_is_that_of_many_draws() -> None:
    chance = np.random.default_rng(3)
    actual = chance.poisson(0.8, 400).astype(float)
    paths = chance.poisson(chance.gamma(2, 0.5, (400, 1)), (400, 39)).astype(float)
    below, above = pit_bounds(actual, paths)
    for row in range(400):
        ordered = sorted(paths[row])
        assert below[row] == sum(value < actual[row] for value in ordered) / 40
        assert above[row] == pytest.approx((sum(v <= actual[row] for v in ordered) + 1) / 40)
    draws = chance.uniform(below, above, (4000, 400))
    for level in (0.5, 0.8, 0.95):
        drawn = (np.abs(draws - 0.5) <= level / 2).mean()
        assert pit_coverage(below, above, level) == pytest.approx(drawn, abs=0.002)


def test_a_calibrated_forecast_of_a_sparse_series_covers_too_much_but_its_pit_does_not() -> None:
    chance = np.random.default_rng(5)
    actual = chance.poisson(0.3, 200_000).astype(float)
    paths = np.sort(chance.poisson(0.3, (1, 3999))).astype(float)[:, 99::100]
    assert paths.shape == (1, 39)
    below, above = pit_bounds(actual, np.broadcast_to(paths, (len(actual), 39)))
    assert (actual <= paths[0, 35]).mean() > 0.95
    assert pit_coverage(below, above, 0.8) == pytest.approx(0.8, abs=0.02)
