"""The simple methods against what one can count by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.naive import METHODS, naive, seasonal_naive, weekday_moving_average
from benchmarks.problem import FORECAST, QUANTILES, SERIES, Problem
from tests.benchmarks.invented_set import CUTOFFS, invented_set


def series_of(rows: pd.DataFrame, day: str) -> pd.Series:
    mine = rows[(rows["product_id"] == "bread") & (rows["store_id"] == "s1")]
    return mine.set_index(day).sort_index()


@pytest.mark.parametrize("name", METHODS)
def test_every_series_gets_every_day_with_ascending_quantiles_and_closed_days_at_zero(
    name: str,
) -> None:
    problem = invented_set().problem(CUTOFFS[0])
    found = METHODS[name](problem)
    assert list(found.columns) == FORECAST
    assert len(found) == 4 * 28 and not found.duplicated([*SERIES, "target_on"]).any()
    values = found[["units_mean", *QUANTILES]]
    assert values.notna().all(axis=None) and (values >= 0).all(axis=None)
    assert (np.diff(found[list(QUANTILES)], axis=1) >= 0).all()
    sundays = found["target_on"].dt.day_of_week == 6
    assert (values[sundays] == 0).all(axis=None) and (values[~sundays]["units_p975"] > 0).all()


def test_naive_repeats_the_last_open_day() -> None:
    problem = invented_set().problem(CUTOFFS[0])
    last = series_of(problem.sales, "sold_on")["units"].loc["2015-04-25"]  # the cutoff is a Sunday
    assert (
        series_of(naive(problem), "target_on").loc["2015-04-27":"2015-05-02", "units_mean"] == last
    ).all()


def test_seasonal_naive_repeats_the_last_open_day_of_the_weekday() -> None:
    problem = invented_set().problem(CUTOFFS[0])
    sold = problem.sales
    closed = problem.sales[sold["sold_on"] != "2015-04-21"]  # a Tuesday
    found = series_of(seasonal_naive(replace(problem, sales=closed)), "target_on")["units_mean"]
    before = series_of(sold, "sold_on")["units"]
    assert found["2015-04-27"] == found["2015-05-18"] == before["2015-04-20"]
    assert found["2015-04-28"] == before["2015-04-14"]


def test_the_moving_average_is_the_mean_of_eight_weeks_of_the_weekday() -> None:
    problem = invented_set().problem(CUTOFFS[0])
    before = series_of(problem.sales, "sold_on")["units"]
    wednesdays = [pd.Timestamp("2015-04-22") - pd.Timedelta(weeks=back) for back in range(8)]
    found = series_of(weekday_moving_average(problem), "target_on")["units_mean"]
    assert found["2015-05-06"] == pytest.approx(before[wednesdays].mean())


@pytest.mark.parametrize("name", METHODS)
def test_nothing_after_the_cutoff_changes_a_forecast(name: str) -> None:
    dataset = invented_set()
    later = dataset.sales["sold_on"] > pd.Timestamp(CUTOFFS[0])
    garbage = dataset.sales.assign(units=dataset.sales["units"].mask(later, 1e6))
    honest, spoilt = (
        METHODS[name](one.problem(CUTOFFS[0])) for one in (dataset, replace(dataset, sales=garbage))
    )
    pd.testing.assert_frame_equal(honest, spoilt)


def test_a_problem_survives_its_folder(tmp_path) -> None:  # type: ignore[no-untyped-def]
    problem = invented_set().problem(CUTOFFS[1])
    problem.save(tmp_path)
    again = Problem.load(tmp_path)
    assert (again.cutoff_on, again.horizon_days) == (problem.cutoff_on, problem.horizon_days)
    pd.testing.assert_frame_equal(naive(again), naive(problem))
