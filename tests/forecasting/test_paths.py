"""Sample paths: the ranks of past days, the quantiles of each row, and sums that cover."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.forecasting.backtest import Backtest
from dagster_project.forecasting.intervals import (
    PATHS,
    QUANTILES,
    Strata,
    errors_of,
    fit_intervals,
    quantile_frame,
)
from dagster_project.forecasting.metrics import Numbers, coverage
from dagster_project.forecasting.paths import (
    STEPS_PER_UNIT,
    central_interval,
    draw_paths,
    fit_ranks,
    ranks_of,
    sum_paths,
)

FIRST_DAY = pd.Timestamp("2017-01-02")
HORIZON = 28


def rows_of(series: list[str], days: range, category: str = "c") -> pd.DataFrame:
    """A row for each series and day; day 0 is the first day ahead of a cutoff."""
    return pd.DataFrame(
        [
            {
                "product_id": name,
                "store_id": "1",
                "category": category,
                "target_on": FIRST_DAY + pd.Timedelta(days=day),
                "horizon_days": day % HORIZON + 1,
            }
            for name in series
            for day in days
        ]
    )


def test_a_path_takes_the_rank_of_the_same_past_day_in_every_series() -> None:
    names, days = ["a", "b", "d"], range(10, 10 + PATHS)
    past = rows_of(names, days)
    errors = np.random.default_rng(2).normal(size=len(past))
    ahead = rows_of(names, range(HORIZON)).sample(frac=1, random_state=3)
    found = ranks_of(fit_ranks(past, errors, seed=1), ahead, common=0)
    table = {
        (row.product_id, row.target_on): error
        for row, error in zip(past.itertuples(), errors, strict=True)
    }
    for position, row in enumerate(ahead.itertuples()):
        own = [table[row.product_id, FIRST_DAY + pd.Timedelta(days=day)] for day in days]
        for path in range(PATHS):
            error = own[(path + row.horizon_days) % PATHS]
            assert found[position, path] == sum(other < error for other in own)


def test_luck_of_its_own_gives_rows_something_in_common_and_keeps_their_ranks() -> None:
    names = [f"{position:03}" for position in range(300)]
    past = rows_of(names, range(PATHS))
    fitted = fit_ranks(past, np.random.default_rng(6).normal(size=len(past)), seed=1)
    ahead = rows_of(names, range(HORIZON))
    for common in (0.0, 0.1, 0.3):
        ranks = ranks_of(fitted, ahead, common=common)
        assert (np.sort(ranks, axis=1) == np.arange(PATHS)).all()
        # Of n rows whose scores share a part of variance c^2, the mean has the variance c^2 + 1/n.
        scores = (ranks + 0.5) / PATHS * np.sqrt(12)
        days = [scores[ahead["horizon_days"] == day].mean(axis=0) for day in (1, 28)]
        for day in days:
            assert day.var() == pytest.approx(common**2 + 1 / 300, rel=0.3)
        if common == 0.3:
            assert np.corrcoef(days)[0, 1] > 0.9, "the same luck on every day of the horizon"


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.integers(1, 300), st.floats(0, 0.95))
def test_ranks_are_a_permutation_whatever_is_missing_or_equal(
    seed: int, length: int, missing: float
) -> None:
    chance = np.random.default_rng(seed)
    past = rows_of(["a", "b"], range(length))
    errors = chance.integers(-1, 2, len(past)).astype(float)
    errors[chance.random(len(past)) < missing] = np.nan
    errors[-1] = 1.0
    fitted = fit_ranks(past, errors, seed=5)
    assert (np.sort(fitted.ranks, axis=1) == np.arange(PATHS)).all()
    shuffled = chance.permutation(len(past))
    again = fit_ranks(past.iloc[shuffled], errors[shuffled], seed=5)
    assert np.array_equal(again.ranks, fitted.ranks)
    found = ranks_of(fitted, rows_of(["a", "b", "new"], range(HORIZON)))
    assert (np.sort(found, axis=1) == np.arange(PATHS)).all()


def test_only_the_latest_days_count_and_few_are_repeated() -> None:
    past = rows_of(["a", "b"], range(PATHS + 30))
    day = (past["target_on"] - FIRST_DAY).dt.days.to_numpy()
    errors = np.random.default_rng(1).normal(size=len(past))
    recent = day >= 30
    whole = fit_ranks(past, errors, seed=1).ranks
    assert np.array_equal(whole, fit_ranks(past[recent], errors[recent], seed=1).ranks)
    few = fit_ranks(past[day < 40], errors[day < 40], seed=1).ranks.astype(int)
    assert np.abs(few[:, :40] - few[:, 40:80]).max() <= 2, "the same day, at a neighbouring rank"


def test_of_a_day_forecast_at_two_origins_the_latest_counts() -> None:
    later = rows_of(["a", "b"], range(PATHS))
    earlier = later.assign(horizon_days=later["horizon_days"] + 7)
    chance = np.random.default_rng(1)
    errors = chance.normal(size=len(later))
    both = pd.concat([later, earlier, later.iloc[:5].assign(horizon_days=60)], ignore_index=True)
    found = fit_ranks(
        both, np.concatenate([errors, chance.normal(size=len(both) - len(errors))]), seed=1
    )
    assert np.array_equal(found.ranks, fit_ranks(later, errors, seed=1).ranks)


def test_equal_errors_of_two_series_have_nothing_to_do_with_each_other() -> None:
    past = rows_of(["a", "b"], range(PATHS))
    ranks = fit_ranks(past, np.full(len(past), -1.0), seed=1).ranks
    assert abs(np.corrcoef(ranks)[0, 1]) < 0.3


def test_a_series_that_is_hardly_known_takes_the_ranks_of_its_category() -> None:
    past = rows_of(["a", "b"], range(PATHS))
    past = pd.concat([past, rows_of(["young"], range(PATHS - 20, PATHS))], ignore_index=True)
    fitted = fit_ranks(past, np.random.default_rng(1).normal(size=len(past)), seed=1)
    assert fitted.product_id.tolist() == ["a", "b"]
    ahead = pd.concat(
        [
            rows_of(["a"], range(3), "x"),
            rows_of(["b", "young"], range(3), "y"),
            rows_of(["elsewhere"], range(3), "z"),
        ]
    )
    found = ranks_of(fitted, ahead).reshape(4, 3, PATHS)
    assert np.array_equal(found[2], found[1])
    assert any(np.array_equal(found[3], other) for other in found[:2])


def test_the_paths_of_a_row_are_its_quantiles_in_another_order() -> None:
    chance = np.random.default_rng(4)
    forecast = chance.gamma(1, 20, 4000)
    horizon = chance.integers(1, 29, 4000)
    actual = chance.poisson(forecast).astype(float)
    power = chance.uniform(0.5, 2, 4000)
    errors = errors_of(actual, forecast, forecast, power)
    table = fit_intervals(errors, forecast, horizon, Strata())
    ranks = np.argsort(chance.random((4000, PATHS)), axis=1).astype(np.uint8)
    spread = np.where(chance.random(4000) < 0.1, 0.0, forecast)
    paths = draw_paths(table, forecast, spread, horizon, ranks, power)
    assert paths.dtype == np.float32
    assert (paths * STEPS_PER_UNIT % 1 == 0).all()
    by_rank = np.take_along_axis(paths, np.argsort(ranks, axis=1), axis=1)
    assert (np.diff(by_rank, axis=1) >= 0).all()
    published = quantile_frame(table, forecast, spread, horizon, power)
    for name, level in QUANTILES.items():
        found = by_rank[:, round(level * (PATHS + 1)) - 1]
        assert found == pytest.approx(published[name].to_numpy(), abs=0.51 / STEPS_PER_UNIT)


def test_sums_of_paths_are_those_of_a_loop_and_do_not_depend_on_the_order() -> None:
    chance = np.random.default_rng(8)
    paths = (chance.integers(0, 10**6, (500, PATHS)) / STEPS_PER_UNIT).astype(np.float32)
    total = np.concatenate([np.arange(7), chance.integers(0, 7, 493)])
    found = sum_paths(paths, total)
    for code in range(7):
        for path in range(PATHS):
            assert found[code, path] == sum(float(value) for value in paths[total == code, path])
    backwards = sum_paths(paths[::-1], total[::-1])
    assert np.array_equal(found, backwards)


def correlated(common: float, days: int, seed: int) -> Numbers:
    """Errors of 60 series with a common part of the given variance share, shape (60, days)."""
    chance = np.random.default_rng(seed)
    shared = np.sqrt(common) * chance.standard_normal(days)
    return shared + np.sqrt(1 - common) * chance.standard_normal((60, days))


@pytest.mark.parametrize("common", [0.0, 0.3, 0.9])
def test_intervals_of_totals_cover_what_they_say_and_added_quantiles_do_not(common: float) -> None:
    names = [f"{position:02}" for position in range(60)]
    covered, added_covered = [], []
    for seed in range(8):
        # 119 past days, then 28 of which nothing is known: each series sells 100 plus an error.
        errors = 10 * correlated(common, PATHS + HORIZON, seed)
        past, ahead = rows_of(names, range(PATHS)), rows_of(names, range(HORIZON))
        flat = errors[:, :PATHS].ravel()
        ranks = ranks_of(fit_ranks(past, flat, seed=seed), ahead, common=0)
        level, one = np.full(len(past), 100.0), np.ones(len(past))
        days_ahead = past["horizon_days"].to_numpy()
        table = fit_intervals(flat, level, days_ahead, Strata(volume_bands=1))
        level, one = level[: len(ahead)], one[: len(ahead)]
        days_ahead = ahead["horizon_days"].to_numpy()
        paths = draw_paths(table, level, one, days_ahead, ranks)
        actual = (100 + errors[:, PATHS:]).sum(axis=0)
        summed = sum_paths(paths, days_ahead - 1)
        covered.append(coverage(actual, *central_interval(summed, 0.8)))
        each = quantile_frame(table, level, one, days_ahead)
        added = each.groupby(days_ahead).sum()
        lower, upper = added["units_p10"].to_numpy(), added["units_p90"].to_numpy()
        added_covered.append(coverage(actual, lower, upper))
    assert np.mean(covered) == pytest.approx(0.8, abs=0.07)
    if common < 0.5:
        assert np.mean(added_covered) > 0.95


def test_the_backtest_scores_category_totals_that_are_covered_and_narrower_than_added_quantiles(
    backtest: Backtest,
) -> None:
    scores = backtest.scores[
        backtest.scores["cutoff_on"].isna() & (backtest.scores["slice"] == "overall")
    ].set_index(["method", "metric"])["score"]
    assert 0.78 < scores["published", "coverage_80_category_totals"] < 0.95
    assert 0.93 < scores["published", "coverage_95_category_totals"] <= 1
    known = backtest.forecasts.dropna(subset="units")
    added = (known["units_p90"] - known["units_p10"]).sum() / known["units"].sum()
    assert 0 < scores["published", "width_80_category_totals"] < 0.6 * added
