"""Levels follow what came true: they recover after a shift and rest where nothing changes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.forecasting.adaptation import ALL, Adaptation, AdaptationRules, adapt
from dagster_project.forecasting.intervals import (
    BEYOND,
    LEVELS,
    PATHS,
    IntervalTable,
    Strata,
    errors_of,
    fit_intervals,
    pit_ranks,
    quantile_frame,
    stratum_of,
)
from dagster_project.forecasting.metrics import Numbers, pit_bounds

UNMOVED = Adaptation({})
EVERYTHING = AdaptationRules(steps={ALL: 0.05}, few_rows=20)
SERIES = 200
FORECAST = np.full(SERIES, 100.0)
ONE = np.ones(SERIES, dtype=np.int64)


def sold(chance: np.random.Generator, level: float = 1.0) -> Numbers:
    """Units of a day around a forecast of 100, a twentieth of them 0."""
    units = level * 100 * np.exp(chance.normal(0, 0.15, SERIES))
    return np.where(chance.random(SERIES) < 0.05, 0.0, units)


def learnt(chance: np.random.Generator) -> IntervalTable:
    units = np.concatenate([sold(chance) for _ in range(50)])
    forecast = np.full(len(units), 100.0)
    days = np.ones(len(units), dtype=np.int64)
    return fit_intervals(errors_of(units, forecast, forecast), forecast, days, Strata())


def rows_of(day: int, **strata: object) -> pd.DataFrame:
    day_on = pd.Timestamp("2017-01-01") + pd.Timedelta(days=day)
    return pd.DataFrame({"target_on": day_on, **strata}, index=range(SERIES))


def ranks_of(table: IntervalTable, units: Numbers) -> tuple[Numbers, Numbers]:
    errors = errors_of(units, FORECAST, FORECAST)
    return pit_ranks(table, errors, stratum_of(table, FORECAST, ONE))


def bounds(table: IntervalTable, adaptation: Adaptation, rows: pd.DataFrame) -> pd.DataFrame:
    levels = adaptation.ranks_of(rows) if adaptation.shifts else None
    return quantile_frame(table, FORECAST, FORECAST, ONE, levels=levels)


def coverage_by_day(
    level: float, days: int, rules: AdaptationRules | None, seed: int = 3
) -> Numbers:
    """Coverage of the 80 and 95 % interval of each day, shape (days, 2)."""
    chance = np.random.default_rng(seed)
    table, adaptation, found = learnt(chance), UNMOVED, []
    for day in range(days):
        units, rows = sold(chance, level), rows_of(day)
        of = bounds(table, adaptation, rows)
        found.append(
            [
                ((of[low] <= units) & (units <= of[high])).mean()
                for low, high in (("units_p10", "units_p90"), ("units_p025", "units_p975"))
            ]
        )
        if rules:
            adaptation = adapt(adaptation, rows, ranks_of(table, units), rules)
    return np.array(found)


def test_after_a_shift_of_the_level_coverage_recovers_and_without_adapting_it_does_not() -> None:
    broken = coverage_by_day(1.3, 90, None)
    assert broken.mean(axis=0) == pytest.approx([0.29, 0.58], abs=0.05)
    adapted = coverage_by_day(1.3, 90, EVERYTHING)
    assert adapted[0] == pytest.approx(broken[0]), "nothing is known on the first day"
    assert adapted[10:20].mean(axis=0)[0] > 0.7
    assert adapted[60:].mean(axis=0) == pytest.approx([0.8, 0.95], abs=0.03)


def test_where_nothing_changes_coverage_is_not_disturbed() -> None:
    still = coverage_by_day(1.0, 60, None)
    adapted = coverage_by_day(1.0, 60, EVERYTHING)
    assert adapted.mean(axis=0) == pytest.approx(still.mean(axis=0), abs=0.01)
    assert (abs(adapted - still).max(axis=0) < 0.1).all()


def test_the_upper_level_moves_without_the_lower_one() -> None:
    chance = np.random.default_rng(4)
    table = learnt(chance)
    adaptation = UNMOVED
    for day in range(40):
        units = sold(chance)
        units[chance.random(SERIES) < 0.15] = 200.0  # high days come, low ones stay as they were
        adaptation = adapt(adaptation, rows_of(day), ranks_of(table, units), EVERYTHING)
    shift = adaptation.shifts[ALL][ALL]
    assert shift[107] > 6
    assert abs(shift[2]) < 1.5


def test_a_step_is_the_share_of_missing_actuals_as_a_slow_loop_finds_it() -> None:
    chance = np.random.default_rng(5)
    table = learnt(chance)
    rows = rows_of(0, product_id=chance.choice(["a", "b", "c"], SERIES))
    rules = AdaptationRules(steps={ALL: 0.1, "product_id": 0.3}, few_rows=7)
    below, above = ranks_of(table, sold(chance, 1.2))
    found = adapt(UNMOVED, rows, (below, above), rules).shifts
    for kind, value, chosen in (
        (ALL, ALL, np.ones(SERIES, dtype=bool)),
        ("product_id", "b", (rows["product_id"] == "b").to_numpy()),
    ):
        for place in (0, 60, 118):
            missing = 0.0
            for low, high in zip(below[chosen], above[chosen], strict=True):
                under = min(max((place + 1 - low) / (high - low), 0), 1)
                missing += LEVELS[place] - under
            expected = rules.steps[kind] * (PATHS + 1) * missing / (chosen.sum() + 7)
            assert found[kind][value][place] == pytest.approx(expected)


def test_few_forecasts_move_a_level_little_and_what_was_never_seen_rests() -> None:
    table = learnt(np.random.default_rng(6))
    rows = rows_of(0, product_id=["rare"] + ["usual"] * (SERIES - 1))
    rules = AdaptationRules(steps={"product_id": 0.1}, few_rows=20)
    high = np.full(SERIES, 150.0)
    found = adapt(UNMOVED, rows, ranks_of(table, high), rules)
    shift = found.shifts["product_id"]
    assert shift["usual"][107] == pytest.approx(0.1 * 120 * 0.9 * 199 / 219)
    assert shift["rare"][107] == pytest.approx(0.1 * 120 * 0.9 / 21)
    ranks, kind = found.ranks_of(rows_of(1, product_id="new"))
    assert (ranks == np.arange(1, PATHS + 1)).all()
    assert (kind == 0).all()


def test_following_days_one_by_one_is_following_them_at_once() -> None:
    chance = np.random.default_rng(7)
    table, one_by_one = learnt(chance), UNMOVED
    days = [(rows_of(day), ranks_of(table, sold(chance, 1.1))) for day in range(5)]
    for rows, ranks in days:
        one_by_one = adapt(one_by_one, rows, ranks, EVERYTHING)
    shuffled = [days[day] for day in (3, 0, 4, 1, 2)]
    at_once = adapt(
        UNMOVED,
        pd.concat([rows for rows, _ in shuffled], ignore_index=True),
        tuple(np.concatenate([ranks[side] for _, ranks in shuffled]) for side in (0, 1)),
        EVERYTHING,
    )
    assert (at_once.shifts[ALL][ALL] == one_by_one.shifts[ALL][ALL]).all()


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.floats(0, 3), st.floats(0.001, 2))
def test_quantiles_never_cross_are_never_negative_and_zeros_stay_zeros(
    seed: int, level: float, step: float
) -> None:
    chance = np.random.default_rng(seed)
    forecast = chance.gamma(1, 5, SERIES) + 0.01
    units = chance.poisson(forecast * chance.choice([0.0, 1.0], SERIES)).astype(float)
    table = fit_intervals(errors_of(units, forecast, forecast), forecast, ONE, Strata(3, 7, 20))
    later = chance.poisson(forecast * level).astype(float)
    rows = rows_of(0, product_id=chance.choice(["a", "b"], SERIES))
    adaptation = UNMOVED
    errors = errors_of(later, forecast, forecast)
    ranks = pit_ranks(table, errors, stratum_of(table, forecast, ONE))
    rules = AdaptationRules(steps={ALL: step, "product_id": step}, few_rows=1)
    for day in range(8):
        adaptation = adapt(
            adaptation, rows.assign(target_on=rows_of(day)["target_on"]), ranks, rules
        )
    levels = adaptation.ranks_of(rows)
    assert (np.diff(levels[0], axis=1) >= 0).all()
    assert levels[0].min() >= 1 - BEYOND
    assert levels[0].max() <= PATHS + BEYOND
    found = quantile_frame(table, forecast, forecast, ONE, 1.3, levels).to_numpy()
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert (np.diff(found, axis=1) >= -1e-9).all()
    if level == 0:
        assert (found <= quantile_frame(table, forecast, forecast, ONE, 1.3).to_numpy()).all()


@settings(max_examples=20)
@given(st.integers(0, 2**31))
def test_ranks_are_the_bounds_of_the_randomised_pit(seed: int) -> None:
    chance = np.random.default_rng(seed)
    units = chance.poisson(0.7, 500).astype(float)
    one, days = np.ones(500), np.ones(500, dtype=np.int64)
    table = fit_intervals(errors_of(units, one, one), one, days, Strata(1, 7, 1))
    later = chance.poisson(0.7, 50).astype(float)
    stratum = stratum_of(table, one[:50], days[:50])
    found = pit_ranks(table, errors_of(later, one[:50], one[:50]), stratum)
    quantiles = np.tile(1 + table.quantiles[0, 0], (50, 1))
    bound = pit_bounds(later, quantiles)
    for ranks, levels in zip(found, bound, strict=True):
        inside = np.clip(ranks, 0, PATHS + 1) / (PATHS + 1)
        assert inside == pytest.approx(np.clip(levels, 0, 1), abs=1.01 / (PATHS + 1))
        assert (inside == pytest.approx(levels)) or later.max() > quantiles.max()


def test_an_actual_far_beyond_the_highest_quantile_lies_on_the_straight_line_there() -> None:
    table = IntervalTable(np.zeros(0), 7, np.linspace(-0.59, 0.59, PATHS)[None, None, :])
    errors, stratum = np.array([0.0, 0.59, 0.6, 1.19, 9.0, -0.6, -1.0]), np.zeros(7, dtype=np.int64)
    below, above = pit_ranks(table, errors, stratum)
    assert above[:2].tolist() == [61, 120]
    assert below[2] in (119, 120)
    assert below[3] == pytest.approx(PATHS + 60, abs=1), "as far again as the median is away"
    assert (below[4], above[4]) == (PATHS + BEYOND, PATHS + BEYOND + 1)
    assert above[5] in (0, 1)
    assert below[6] == -BEYOND, "all ranks that far out are no sale at all"
    assert above[6] == pytest.approx(1 - 42, abs=1.5)
    ranks = np.arange(1, PATHS + 1)[None, :] + 60
    found = quantile_frame(
        table, np.ones(1), np.ones(1), ONE[:1], levels=(ranks, np.zeros(1, dtype=np.int64))
    )
    assert found["units_p90"][0] == pytest.approx(1 + 0.59 + 49 / 60 * 0.59)
