"""Each measure against a slow loop, and M5's against what the competition published."""

from __future__ import annotations

import math
import os
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.datasets import M5_CUTOFFS, read_m5
from benchmarks.measures import (
    M5_LEVELS,
    difference_scales,
    m5_levels,
    m5_scales,
    m5_weights,
    rmspe,
    scaled_pinball,
    squared_errors,
    wrmsse_by_level,
)
from benchmarks.problem import QUANTILES, SERIES
from dagster_project.settings import CHECKOUT

DATA = Path(os.environ.get("MESHCAST_BENCHMARK_DATA") or CHECKOUT.parent / "shared" / "data")
needs_m5 = pytest.mark.skipif(not (DATA / "m5").is_dir(), reason=f"no {DATA / 'm5'}")

units = st.floats(0, 1e4, allow_nan=False, allow_subnormal=False).map(lambda x: round(x, 2))


def invented_m5(days: int, seed: int) -> pd.DataFrame:
    """Sales and forecasts of eight bottom series in three stores and two states."""
    generator = np.random.default_rng(seed)
    bottom = pd.DataFrame(
        [
            (department, store, department[:-1], department, store[:2])
            for department in ("A1", "A2", "B1")
            for store in ("CA_1", "CA_2", "TX_1")
        ][:8],
        columns=[*SERIES, "category", "department", "region"],
    )
    rows = bottom.merge(
        pd.DataFrame({"target_on": pd.date_range("2016-01-01", periods=days)}), "cross"
    )
    rows["units"] = generator.poisson(5, len(rows)).astype(float)
    rows["units_mean"] = generator.gamma(5, 1, len(rows))
    return rows


def name_of(row: pd.Series, level: int) -> str:
    """The competition's name of the series of a level that a bottom row belongs to."""
    return "|".join(row[column] for column in M5_LEVELS[level]) or "Total"


@pytest.mark.parametrize("seed", [1])
def test_wrmsse_is_what_a_slow_loop_over_levels_series_and_days_gives(seed: int) -> None:
    history, ahead = invented_m5(40, seed), invented_m5(7, seed + 10)
    history["sold_on"] = history["target_on"] - pd.Timedelta(days=40)
    history.loc[history["sold_on"] < history["sold_on"].min() + pd.Timedelta(days=3), "units"] = 0
    generator = np.random.default_rng(seed)
    scales = m5_scales(history, date(2016, 1, 1))
    weighing = scales.assign(weight=generator.uniform(0, 1, len(scales)))
    expected = []
    for level in M5_LEVELS:
        total = 0.0
        past_names = history.apply(name_of, axis=1, level=level)
        ahead_names = ahead.apply(name_of, axis=1, level=level)
        for name in sorted(set(past_names)):
            past = history[past_names == name]
            days = sorted(set(past["sold_on"]))
            by_day = [past.loc[past["sold_on"] == day, "units"].sum() for day in days]
            while by_day[0] == 0:
                by_day.pop(0)
            changes = [(now - before) ** 2 for before, now in zip(by_day, by_day[1:], strict=False)]
            scale = sum(changes) / len(changes)
            mine = ahead[ahead_names == name]
            errors = []
            for day in sorted(set(mine["target_on"])):
                rows = mine[mine["target_on"] == day]
                errors.append((rows["units"].sum() - rows["units_mean"].sum()) ** 2)
            chosen = (weighing["level"] == level) & (weighing["series"] == name)
            weight = weighing.loc[chosen, "weight"].item()
            total += weight * math.sqrt(sum(errors) / len(errors) / scale)
        expected.append(total)
    errors = squared_errors(ahead)
    assert wrmsse_by_level(errors, weighing).tolist() == pytest.approx(expected)


@settings(max_examples=30)
@given(st.lists(units, min_size=1, max_size=30))
def test_scales_are_the_mean_differences_from_the_first_day_with_sales_on(sold: list) -> None:
    days = pd.date_range("2016-01-01", periods=len(sold))
    sales = pd.DataFrame({"product_id": "a", "store_id": "b", "sold_on": days, "units": sold})
    found = difference_scales(sales)
    begun = sold[next((i for i, x in enumerate(sold) if x > 0), len(sold)) :]
    changes = [now - before for before, now in zip(begun, begun[1:], strict=False)]
    if not changes:
        assert found["squared_scale"].isna().all()
    else:
        assert found["squared_scale"].item() == pytest.approx(np.mean(np.square(changes)))
        assert found["absolute_scale"].item() == pytest.approx(np.mean(np.abs(changes)))


@settings(max_examples=30)
@given(st.lists(st.tuples(units, units), min_size=1, max_size=30))
def test_rmspe_counts_the_days_with_sales(days: list) -> None:
    squares = [((actual - forecast) / actual) ** 2 for actual, forecast in days if actual > 0]
    actual, forecast = (np.array(column) for column in zip(*days, strict=True))
    found = rmspe(actual, forecast)
    if squares:
        assert found == pytest.approx(math.sqrt(sum(squares) / len(squares)))
    else:
        assert math.isnan(found)


def test_scaled_pinball_is_what_a_slow_loop_gives() -> None:
    generator = np.random.default_rng(4)
    actual = generator.poisson(3, 60).astype(float)
    quantiles = np.sort(generator.gamma(3, 1, (60, 5)), axis=1)
    series = np.repeat(np.arange(4), 15)
    scale = np.array([0.5, 2.0, 0.0, float("nan")])[series]
    per_series = []
    for code in (0, 1):
        losses = []
        for row in np.flatnonzero(series == code):
            for position, level in enumerate(QUANTILES.values()):
                error = actual[row] - quantiles[row, position]
                losses.append((level * error if error > 0 else (level - 1) * error) / scale[row])
        per_series.append(sum(losses) / len(losses))
    assert scaled_pinball(actual, quantiles, scale, series) == pytest.approx(np.mean(per_series))


@needs_m5
def test_the_competitions_weights_add_up_to_one_in_each_level() -> None:
    sums = m5_weights(DATA / "m5").groupby("level")["weight"].sum()
    assert sums.index.tolist() == list(M5_LEVELS)
    assert sums.tolist() == pytest.approx([1.0] * 9)


@needs_m5
def test_scales_reproduce_those_of_the_competition_exactly() -> None:
    m5 = read_m5(DATA)
    scales = m5_scales(m5.sales.merge(m5.series, on=SERIES), M5_CUTOFFS[-1])
    published = pd.read_csv(DATA / "m5" / "scoring_validation_L1_L9.csv")
    both = published.merge(scales, on=["level", "series"], validate="one_to_one")
    assert len(both) == 154
    assert both["scale"].tolist() == pytest.approx(both["train_mse_d1_d1913"].tolist(), rel=1e-12)


@needs_m5
def test_the_scored_window_is_the_competitions() -> None:
    m5 = read_m5(DATA)
    sums = m5_levels(m5.actuals(M5_CUTOFFS[-1]), "target_on", ["units"])
    totals = sums.groupby(["level", "series"], as_index=False)["units"].sum()
    published = pd.read_csv(DATA / "m5" / "scoring_validation_L1_L9.csv")
    both = published.merge(totals, on=["level", "series"], validate="one_to_one")
    assert both["units"].tolist() == both["last28_1914_1941_sum"].tolist()
