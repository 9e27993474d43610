"""Walking forward over past origins, with nothing known too early."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from dagster_project.forecasting.backtest import (
    PIT,
    Backtest,
    BacktestPlan,
    NotEnoughHistory,
    _evenly,
    adapted_to,
    backtest_cutoffs,
    origins_between,
    rolling_origin_backtest,
)
from dagster_project.forecasting.calibration import Calibration
from dagster_project.forecasting.forecast import ForecastModel, content_hash
from dagster_project.forecasting.frames import KEYS
from dagster_project.forecasting.intervals import PUBLISHED
from dagster_project.forecasting.model import fit, predict
from tests.forecasting.invented_frames import HORIZON_DAYS, QUICK, InventedHistory

PLAN = BacktestPlan()
SUNDAY = 6


def _cutoffs(available: list[date], known_through_on: date) -> tuple[date, ...]:
    return backtest_cutoffs(
        available,
        known_through_on=known_through_on,
        horizon_days=HORIZON_DAYS,
        cutoff_weekday=SUNDAY,
        plan=PLAN,
    )


def _sundays(first: date, weeks: int) -> list[date]:
    return [first + timedelta(days=7 * week) for week in range(weeks)]


def test_cutoffs_are_the_latest_that_follow_each_other_and_whose_horizon_has_ended() -> None:
    available = [*_sundays(date(2017, 1, 1), 53), date(2017, 12, 27)]
    found = _cutoffs(available, date(2017, 12, 31))
    assert found[-1] == date(2017, 12, 3)
    assert np.diff(found).tolist() == [timedelta(days=28)] * 5


def test_a_week_later_the_grid_is_the_same() -> None:
    first = _cutoffs(_sundays(date(2017, 1, 1), 53), date(2017, 12, 31))
    for days in (1, 7, 27):
        later = _cutoffs(_sundays(date(2017, 1, 1), 57), date(2017, 12, 31) + timedelta(days=days))
        assert later == first
    assert _cutoffs(_sundays(date(2017, 1, 1), 57), date(2018, 1, 28))[:-1] == first[1:]


def test_too_little_history_says_how_many_weeks_are_missing() -> None:
    with pytest.raises(NotEnoughHistory) as raised:
        _cutoffs(_sundays(date(2017, 1, 1), 20), date(2017, 5, 20))
    message = str(raised.value)
    assert "expected 6 origins 4 weeks apart" in message
    assert "44 weeks of sales are enough, 9 to the first weekly origin and 35" in message
    assert "found 19 after it, since 2017-01-01. Land at least 16 more weeks" in message
    with pytest.raises(NotEnoughHistory, match=r"found no weekly origin\. Land 44 weeks"):
        _cutoffs([], date(2017, 5, 20))


@pytest.mark.parametrize("offset", range(0, 28, 7))
def test_the_weeks_the_message_asks_for_are_enough_wherever_the_grid_lies(offset: int) -> None:
    first = date(2017, 1, 1) + timedelta(days=offset)
    assert len(_cutoffs(_sundays(first, 36), first + timedelta(weeks=35))) == 6


def test_reported_origins_have_every_series_and_day_once(
    history: InventedHistory, backtest: Backtest
) -> None:
    found = backtest.forecasts
    expected = _cutoffs(history.cutoffs, history.known_through_on)[PLAN.calibration_cutoffs :]
    assert sorted(found["cutoff_on"].dt.date.unique()) == list(expected)
    assert not found.duplicated(KEYS).any()
    assert len(found) == len(expected) * 20 * HORIZON_DAYS


def test_published_is_the_rung_that_is_named(backtest: Backtest) -> None:
    found = backtest.forecasts
    expected = [row[f"{row['method']}_units"] for row in found.to_dict("records")]
    assert found["units_mean"].to_numpy() == pytest.approx(np.array(expected), abs=1e-4)
    assert (found["is_fallback"] == (found["method"] != "model")).all()


def test_the_model_beats_the_baseline_and_its_intervals_cover(backtest: Backtest) -> None:
    overall = backtest.scores[
        (backtest.scores["slice"] == "overall") & backtest.scores["cutoff_on"].isna()
    ].pivot(index="metric", columns="method", values="score")
    assert overall.loc["rmsse", "model"] < 0.85 * overall.loc["rmsse", "baseline"]
    assert overall.loc["pinball", "model"] < overall.loc["pinball", "baseline"]
    assert 0.78 < overall.loc["coverage_80", "model"] < 0.9
    assert 0.93 < overall.loc["coverage_95", "model"] < 0.99


def test_closed_days_are_not_scored(history: InventedHistory, backtest: Backtest) -> None:
    closed = history.frame[history.frame["is_open"].eq(False)][KEYS]
    rows = backtest.forecasts.merge(closed, on=KEYS)
    assert len(rows) > 0
    assert rows["units"].isna().all()
    assert (rows["units_mean"] == 0).all()


def test_garbage_after_a_cutoff_changes_nothing_that_was_published_there(
    history: InventedHistory, backtest: Backtest
) -> None:
    cutoffs = _cutoffs(history.cutoffs, history.known_through_on)
    first_reported = pd.Timestamp(cutoffs[PLAN.calibration_cutoffs])
    frame, actuals = history.frame.copy(), history.actuals.copy()
    for table in (frame, actuals):
        later = (table["target_on"] > first_reported) & table["units"].notna()
        table.loc[later, "units"] = 1e6
    found = rolling_origin_backtest(
        replace(history, frame=frame, actuals=actuals),
        cutoffs[: PLAN.calibration_cutoffs + 1],
        known_through_on=history.known_through_on,
        parameters=QUICK,
        plan=replace(PLAN, reported_cutoffs=1),
    )
    before = backtest.forecasts[backtest.forecasts["cutoff_on"] == first_reported]
    columns = [name for name in before.columns if name not in ("units", *PIT)]
    pd.testing.assert_frame_equal(found.forecasts[columns], before[columns].reset_index(drop=True))
    assert found.forecasts["units"].max() == 1e6


def _asked(history: InventedHistory, cutoffs: Sequence[date]) -> dict[str, list[object]]:
    """What a backtest of three cutoffs asks of the history."""
    asked: dict[str, list[object]] = {"trained": [], "scored": [], "actuals": []}

    class Asked(InventedHistory):
        def training_rows(self, cutoff_on: date) -> pd.DataFrame:
            asked["trained"].append(cutoff_on)
            return super().training_rows(cutoff_on)

        def scoring_rows(self, cutoff_on: date) -> pd.DataFrame:
            asked["scored"].append(cutoff_on)
            return super().scoring_rows(cutoff_on)

        def actual_units(self, first_on: date, last_on: date, known_on: date) -> pd.DataFrame:
            asked["actuals"].append((last_on, known_on))
            return super().actual_units(first_on, last_on, known_on)

    rolling_origin_backtest(
        Asked(history.frame, history.actuals, history.cutoffs, history.known_through_on),
        cutoffs,
        known_through_on=history.known_through_on,
        parameters=QUICK,
        plan=replace(PLAN, reported_cutoffs=1),
    )
    return asked


def test_one_fit_forecasts_until_the_next_and_all_that_is_known_calibrates(
    history: InventedHistory,
) -> None:
    last = history.known_through_on
    cutoffs = _cutoffs(history.cutoffs, last)[-3:]
    asked = _asked(history, cutoffs)
    assert asked["trained"] == [cutoffs[0], cutoffs[2]]
    weeks = (last - cutoffs[0]).days // 7
    fortnights = [cutoffs[0] + timedelta(weeks=week) for week in range(0, weeks, 2)]
    assert asked["scored"] == fortnights
    assert last - fortnights[-1] < timedelta(days=HORIZON_DAYS), "known in part"
    assert asked["actuals"] == [
        (cutoffs[2], cutoffs[2]),  # to calibrate: the days that had come by then, as known then
        (cutoffs[2] + timedelta(days=HORIZON_DAYS), last),  # to score
        (last, last),  # for the model that is trained next: up to the newest actuals
    ]


def test_the_score_by_age_of_the_model_is_that_of_its_origins_between_two_fits(
    history: InventedHistory,
) -> None:
    last = history.known_through_on
    cutoffs = _cutoffs(history.cutoffs, last)[-4:]
    plan = replace(PLAN, reported_cutoffs=2)
    scores = rolling_origin_backtest(
        history, cutoffs, known_through_on=last, parameters=QUICK, plan=plan
    ).scores
    found = scores[scores["slice"] == "model_age"]
    assert set(found["metric"]) == {"rmsse"}
    fits = {day: fit(history.training_rows(day), QUICK) for day in (cutoffs[0], *cutoffs[2:])}
    expected = {}
    for weeks in range(0, (last - cutoffs[0]).days // 7 - 3, 2):  # whose four weeks have ended
        cutoff = cutoffs[0] + timedelta(weeks=weeks)
        fitted_on = max(day for day in fits if day <= cutoff)
        age = str((cutoff - fitted_on).days // 7)
        rows = history.frame[history.frame["cutoff_on"] == pd.Timestamp(cutoff)]
        forecasts = {
            "model": predict(fits[fitted_on], rows.drop(columns="units")),
            "baseline": rows["baseline_units"].to_numpy(),
        }
        for method, units in forecasts.items():
            ratios = []
            for _, series in rows.assign(forecast=units).groupby(["product_id", "store_id"]):
                squared = ((series["units"] - series["forecast"]) ** 2).mean()
                ratios.append(np.sqrt(squared / series["rmsse_scale"].iloc[0]))
            expected[method, pd.Timestamp(cutoff), age] = np.mean(ratios)
    by_origin = found[found["cutoff_on"].notna()]
    keys = zip(*[by_origin[name] for name in ("method", "cutoff_on", "slice_value")], strict=True)
    assert dict(zip(keys, by_origin["score"], strict=True)) == pytest.approx(expected)
    assert {age for _, _, age in expected} == {"0", "2", "4", "6"}
    pooled = found[found["cutoff_on"].isna() & (found["method"] == "model")]
    assert sorted(pooled["slice_value"]) == ["0", "2", "4", "6"]


def test_calibration_follows_the_newest_actuals(history: InventedHistory) -> None:
    def calibrated(known: InventedHistory) -> Calibration:
        return rolling_origin_backtest(
            known,
            _cutoffs(history.cutoffs, history.known_through_on)[-3:],
            known_through_on=known.known_through_on,
            parameters=QUICK,
            plan=replace(PLAN, reported_cutoffs=1),
        ).calibration

    before = calibrated(history)
    surprised = history.actuals.copy()
    last_week = surprised["target_on"] > pd.Timestamp(history.known_through_on) - timedelta(days=7)
    surprised.loc[last_week, "units"] *= 3
    after = calibrated(replace(history, actuals=surprised))
    upper = PUBLISHED[-1]
    assert (
        (
            after.intervals["model"].quantiles[..., upper]
            > before.intervals["model"].quantiles[..., upper]
        )
        .any(axis=0)[:2]
        .all()
    )
    assert not np.array_equal(after.ranks["model"].ranks, before.ranks["model"].ranks)


def test_above_the_declared_rows_origins_between_the_cutoffs_are_left_out_evenly() -> None:
    weeks = _sundays(date(2017, 1, 1), 5)
    days = [*weeks, date(2017, 1, 10)]
    assert origins_between(days, weeks[0], weeks[4], weeks=1) == weeks[:4]
    assert origins_between(days, weeks[0], weeks[4], weeks=2) == [weeks[0], weeks[2]]
    assert [len(_evenly(weeks[:4], most)) for most in (1, 2, 3, 4, 9)] == [1, 2, 2, 4, 4]
    assert _evenly(weeks[:4], 2) == [weeks[0], weeks[2]]


def test_too_few_cutoffs_or_without_order_are_refused(history: InventedHistory) -> None:
    cutoffs = _cutoffs(history.cutoffs, history.known_through_on)

    def run(chosen: list[date]) -> None:
        rolling_origin_backtest(
            history,
            chosen,
            known_through_on=history.known_through_on,
            parameters=QUICK,
            plan=replace(PLAN, reported_cutoffs=1),
        )

    with pytest.raises(NotEnoughHistory, match="2 origins to calibrate on and 1 to report, found"):
        run(list(cutoffs[:2]))
    with pytest.raises(NotEnoughHistory, match="expected ascending cutoffs"):
        run([cutoffs[1], cutoffs[0], cutoffs[2]])


def _shifted(history: InventedHistory, factor: float, after: date) -> InventedHistory:
    """The history with other sales after a day."""
    later = history.actuals["target_on"] > pd.Timestamp(after)
    units = history.actuals["units"] * np.where(later, factor, 1)
    return replace(history, actuals=history.actuals.assign(units=units))


def test_levels_follow_the_days_between_the_training_and_the_cutoff(
    model: ForecastModel, history: InventedHistory
) -> None:
    cutoff = history.known_through_on
    trained = replace(model, trained_through_on=cutoff - timedelta(days=10))
    assert adapted_to(model, history, cutoff) is model, "no day is left to follow"
    usual = adapted_to(trained, history, cutoff)
    more = adapted_to(trained, _shifted(history, 3.0, trained.trained_through_on), cutoff)
    before, still, moved = (
        found.calibration.adaptations["model"].shifts["all"]["all"]
        for found in (trained, usual, more)
    )
    assert (moved > still).all()
    assert moved.mean() > before.mean() + 0.3, "sales of three times as much raise the levels"


def test_levels_know_nothing_of_what_came_before_the_training_or_after_the_cutoff(
    model: ForecastModel, history: InventedHistory
) -> None:
    trained_on = history.known_through_on - timedelta(days=20)
    trained = replace(model, trained_through_on=trained_on)
    cutoff = history.known_through_on - timedelta(days=6)
    found = content_hash(adapted_to(trained, history, cutoff))
    late = _shifted(history, 9.0, cutoff)
    assert content_hash(adapted_to(trained, late, cutoff)) == found
    early = replace(history, actuals=history.actuals.copy())
    old = early.actuals["target_on"] <= pd.Timestamp(trained_on)
    early.actuals.loc[old, "units"] *= 9
    assert content_hash(adapted_to(trained, early, cutoff)) == found
    assert content_hash(trained) != found
