"""Series with little or odd history: each gets its forecast, with an interval that is no point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace as replaced

import numpy as np
import pandas as pd
import pytest

from dagster_project.forecasting.backtest import BacktestPlan, rolling_origin_backtest
from dagster_project.forecasting.forecast import ForecastModel, forecast
from dagster_project.forecasting.frames import KEYS, FrameError
from dagster_project.forecasting.intervals import QUANTILES
from dagster_project.forecasting.model import fit
from tests.forecasting.invented_frames import QUICK, InventedHistory

ODD = ("product 2", "3")
OWN_UNITS = ["naive_units", "baseline_units", "f_mean_56", "f_mean_14", "f_weekday_mean_8"]


@dataclass(frozen=True)
class Split:
    """Rows to train on and rows to forecast; the latter keep their `units`, to score by."""

    training: pd.DataFrame
    scoring: pd.DataFrame


@pytest.fixture
def split(history: InventedHistory) -> Split:
    """The last origin whose horizon has ended."""
    cutoff_on = pd.Timestamp(history.cutoffs[-5])
    frame = history.frame
    return Split(
        frame[frame["target_on"] <= cutoff_on].copy(),
        frame[frame["cutoff_on"] == cutoff_on].copy(),
    )


def is_odd(rows: pd.DataFrame) -> pd.Series:
    return (rows["product_id"] == ODD[0]) & (rows["store_id"] == ODD[1])


def constant(split: Split) -> Split:
    for rows in (split.training, split.scoring):
        rows.loc[is_odd(rows), [*OWN_UNITS, "units"]] = 6.0
        rows.loc[is_odd(rows), "rmsse_scale"] = np.nan
    return split


def observed_once(split: Split) -> Split:
    """Sold 4 the day before the cutoff, a Sunday, and was not there before."""
    rows = split.scoring
    rows.loc[is_odd(rows), OWN_UNITS] = 4.0
    rows.loc[is_odd(rows) & (rows["horizon_days"] % 7 != 0), "f_weekday_mean_8"] = np.nan
    rows.loc[is_odd(rows), "rmsse_scale"] = np.nan
    return replaced(split, training=split.training[~is_odd(split.training)])


def ended(split: Split) -> Split:
    """Nothing sold in the 60 days before the cutoff, nor after it."""
    rows = split.scoring
    rows.loc[is_odd(rows), [*OWN_UNITS, "units"]] = 0.0
    return split


def without_a_feature(split: Split) -> Split:
    for rows in (split.training, split.scoring):
        rows["f_mean_14"] = np.nan
    return split


def plan_of_ten_days(split: Split) -> Split:
    rows = split.scoring
    rows["f_promo_plan_share"] = rows["f_promo_plan_share"].mask(rows["horizon_days"] > 10)
    return split


def holidays_of_another_country(split: Split) -> Split:
    """Days off are known while training; for the country of one series there is no calendar."""
    for rows in (split.training, split.scoring):
        rows["f_is_holiday"] = (rows["target_on"].dt.day == 1).astype(float)
        rows.loc[is_odd(rows), "f_is_holiday"] = np.nan
    return split


def holidays_on_other_days(split: Split) -> Split:
    """As above, but one series has the holidays of a country that has them on other days."""
    for rows in (split.training, split.scoring):
        rows["f_is_holiday"] = (rows["target_on"].dt.day == 1).astype(float)
        other = (rows["target_on"].dt.day == 14).astype(float)
        rows["f_is_holiday"] = rows["f_is_holiday"].mask(is_odd(rows), other)
    return split


def target_of_nan(split: Split) -> Split:
    split.training.loc[is_odd(split.training), "units"] = np.nan
    return split


@pytest.mark.parametrize(
    "make_odd",
    [
        constant,
        observed_once,
        ended,
        without_a_feature,
        plan_of_ten_days,
        holidays_of_another_country,
        holidays_on_other_days,
        target_of_nan,
    ],
)
def test_an_odd_series_has_a_forecast_for_each_target_day_and_its_width_is_honest(
    model: ForecastModel, split: Split, make_odd: Callable[[Split], Split]
) -> None:
    odd = make_odd(split)
    found = forecast(
        replaced(model, demand=fit(odd.training, QUICK)), odd.scoring.drop(columns="units")
    )
    expected = odd.scoring.sort_values(KEYS, ignore_index=True)
    pd.testing.assert_frame_equal(found[KEYS], expected[KEYS])
    units = found[["units_mean", *QUANTILES]].to_numpy()
    assert np.isfinite(units).all()
    assert (np.diff(units[:, 1:], axis=1) >= 0).all()
    chosen = is_odd(found)
    assert chosen.sum() == 28
    assert (found.loc[chosen, "units_p975"] > found.loc[chosen, "units_p025"]).all()
    sold, low, high = expected["units"], found["units_p025"], found["units_p975"]
    assert ((low <= sold) & (sold <= high))[chosen].mean() > 0.85


def test_the_days_of_a_plan_that_stops_early_are_forecast_as_with_the_whole_plan(
    model: ForecastModel, split: Split
) -> None:
    whole = forecast(model, split.scoring)
    short = forecast(model, plan_of_ten_days(split).scoring)
    planned = whole["horizon_days"] <= 10
    pd.testing.assert_frame_equal(short[planned], whole[planned])
    assert not short[~planned].equals(whole[~planned])


def test_a_backtest_refuses_an_infinite_target_by_its_series(history: InventedHistory) -> None:
    frame = history.frame.copy()
    broken = is_odd(frame) & (frame["cutoff_on"] == frame["cutoff_on"].min())
    frame.loc[broken, "units"] = np.inf
    with pytest.raises(FrameError, match=r"finite number.*'product 2', '3'.*2017-0"):
        rolling_origin_backtest(
            replaced(history, frame=frame),
            history.cutoffs[9::4][:6],
            known_through_on=history.known_through_on,
            parameters=QUICK,
            plan=BacktestPlan(),
        )
