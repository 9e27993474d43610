"""Series without history of their own: what they are forecast with, and how wide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dagster_project.forecasting.backtest import (
    Backtest,
    BacktestPlan,
    rolling_origin_backtest,
)
from dagster_project.forecasting.calibration import CalibrationRules, calibrate, with_intervals
from dagster_project.forecasting.explanation import explain
from dagster_project.forecasting.forecast import ForecastModel, forecast, method_rows
from dagster_project.forecasting.frames import KEYS
from dagster_project.forecasting.intervals import QUANTILES
from dagster_project.forecasting.rungs import COLD_START
from tests.forecasting.invented_frames import QUICK, InventedHistory

NEW = ("product 2", "3")
OWN = ["naive_units", "f_mean_56", "f_mean_14", "f_weekday_mean_8", "rmsse_scale"]


def is_new(rows: pd.DataFrame) -> pd.Series:
    return (rows["product_id"] == NEW[0]) & (rows["store_id"] == NEW[1])


@pytest.fixture(scope="module")
def frame(history: InventedHistory) -> pd.DataFrame:
    """The newest origin, at which one series has never been sold."""
    rows = history.scoring_rows(history.known_through_on)
    new = is_new(rows)
    rows.loc[new, OWN] = np.nan
    rows.loc[new, ["baseline_units", "cold_start_stratum"]] = 0
    return rows.assign(is_new=new)


@pytest.mark.parametrize("is_baseline", [False, True])
def test_a_new_series_gets_the_cold_start_and_no_other_series_changes(
    model: ForecastModel, history: InventedHistory, frame: pd.DataFrame, is_baseline: bool
) -> None:
    fallback = replace(model.calibration, fallbacks={NEW: "naive"})
    used = replace(model, calibration=fallback, is_baseline=is_baseline)
    found, plain = (
        forecast(used, rows) for rows in (frame, history.scoring_rows(history.known_through_on))
    )
    new = is_new(found)
    pd.testing.assert_frame_equal(found[~new], plain[~new])
    assert set(found.loc[new, "method"]) == {COLD_START}
    assert found.loc[new, "is_fallback"].all()
    expected = frame.sort_values(KEYS, ignore_index=True).loc[new, "cold_start_units"]
    assert found.loc[new, "units_mean"].to_numpy() == pytest.approx(expected, abs=1e-4)
    assert (found.loc[new, "units_p975"] > 1.5 * found.loc[new, "units_mean"]).all()
    paths = np.sort(np.stack(found.loc[new, "units_paths"].to_numpy()), axis=1)
    quantiles = found.loc[new, list(QUANTILES)].to_numpy()
    assert paths[:, [2, 11, 59, 107, 116]] == pytest.approx(quantiles, abs=0.003)


def test_a_new_series_is_closed_where_its_store_is(
    model: ForecastModel, frame: pd.DataFrame
) -> None:
    found = forecast(model, frame.assign(is_open=frame["horizon_days"] != 2))
    assert (found.loc[found["horizon_days"] == 2, ["units_mean", *QUANTILES]] == 0).all(axis=None)


def test_series_whose_history_is_hidden_are_covered_as_the_intervals_say(
    backtest: Backtest,
) -> None:
    scores = backtest.scores
    mean = scores[scores["cutoff_on"].isna() & (scores["slice"] == "overall")]
    found = {key: rows.set_index("metric")["score"] for key, rows in mean.groupby("method")}
    assert found[COLD_START]["coverage_80"] == pytest.approx(0.8, abs=0.06)
    assert found[COLD_START]["coverage_95"] == pytest.approx(0.95, abs=0.04)
    assert found[COLD_START]["width_80"] > 1.2 * found["model"]["width_80"]


def test_errors_are_pooled_by_what_is_known(model: ForecastModel, frame: pd.DataFrame) -> None:
    past = method_rows(model.demand, frame.assign(is_new=False))
    stratum = np.arange(len(past)) % 2 * 7
    past = past.assign(
        cold_start_stratum=stratum,
        cold_start_units=10.0,
        units=10.0 + np.where(stratum == 7, 1, 8) * np.linspace(-1, 1, len(past)),
    )
    calibration = calibrate(past, CalibrationRules())
    found = with_intervals(past, COLD_START, calibration).quantiles
    width = (found["units_p90"] - found["units_p10"]).groupby(stratum).mean()
    assert width[7] == pytest.approx(1.6, rel=0.05)
    assert width[0] == pytest.approx(12.8, rel=0.05)


def test_a_backtest_leaves_out_a_series_at_the_origins_where_it_was_new(
    history: InventedHistory,
) -> None:
    found, without = (
        rolling_origin_backtest(
            replace(history, frame=rows),
            history.cutoffs[9::4][:6],
            known_through_on=history.known_through_on,
            parameters=replace(QUICK, iterations=3),
            plan=BacktestPlan(weeks_between=4),
        )
        for rows in (
            history.frame.assign(is_new=is_new(history.frame)),
            history.frame,
        )
    )
    kept = without.forecasts[~is_new(without.forecasts)].reset_index(drop=True)
    pd.testing.assert_frame_equal(found.forecasts[KEYS], kept[KEYS])
    ranks = found.calibration.ranks[COLD_START]
    assert NEW not in set(zip(ranks.product_id, ranks.store_id, strict=True))


def test_all_of_a_cold_start_is_explained_as_its_level(
    model: ForecastModel, frame: pd.DataFrame
) -> None:
    published = forecast(model, frame)
    found = explain(model, frame, published)
    new = is_new(found)
    assert set(found.loc[new, "explained_by"]) == {"baseline"}
    assert found.loc[new, "units_level"].equals(published.loc[new, "units_mean"])
