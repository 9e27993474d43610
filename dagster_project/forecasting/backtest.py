"""Rolling-origin backtest: what would have been published at past origins, and how good it was.

A fit is dear, a forecast cheap: each model also forecasts origins between its own and the next
fit's. Their errors are as much out of sample, and intervals learn from all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Protocol

import numpy as np
import pandas as pd

from dagster_project.forecasting.calibration import (
    Calibration,
    CalibrationRules,
    Published,
    adapted,
    calibrate,
    with_fallback,
    with_intervals,
    with_paths,
)
from dagster_project.forecasting.forecast import ForecastModel, method_rows, published_rows
from dagster_project.forecasting.frames import KEYS, check_columns
from dagster_project.forecasting.metrics import pit_bounds
from dagster_project.forecasting.model import DemandModel, fit
from dagster_project.forecasting.rungs import (
    COLD_START,
    MODEL,
    RUNGS,
    SEASONAL_NAIVE,
    units_column,
)
from dagster_project.forecasting.scores import pool, score_age, score_cutoff
from dagster_project.parameters import Parameters

ACTUALS = ["product_id", "store_id", "target_on", "units"]
PIT = ["pit_below", "pit_above"]
RUNG_UNITS = [units_column(rung) for rung in RUNGS]
EVIDENCE = [*KEYS, "category", "rmsse_scale", "units", *RUNG_UNITS, *PIT]

GRID_START = date(2000, 1, 23)
"""A week of the fixed grid of origins; with this one the demo's last 28 days are reported."""

WEEKS_BEFORE_FIRST_ORIGIN = 9
"""The model forecast_origins starts after 8 weeks of sales, at the next weekly cutoff."""


class NotEnoughHistory(ValueError):
    """The known sales are too short for a backtest; the message says what is missing."""


class History(Protocol):
    """The past as it was known on any day. One frame is asked for at a time, so memory is bounded.

    Dates are datetime64 columns, ids text, `units` float with null for closed and unknown days.

    Attributes:
        cutoffs: weekly cutoffs that have features, ascending.
    """

    cutoffs: list[date]

    def training_rows(self, cutoff_on: date) -> pd.DataFrame:
        """Rows of earlier origins with target_on <= cutoff_on and units as known on cutoff_on."""

    def scoring_rows(self, cutoff_on: date) -> pd.DataFrame:
        """Rows of this origin; `units` is not needed, `rmsse_scale` is."""

    def actual_units(self, first_on: date, last_on: date, known_on: date) -> pd.DataFrame:
        """ACTUALS of the target days first_on to last_on, as known on known_on."""


@dataclass(frozen=True)
class BacktestPlan:
    """Which origins a backtest takes.

    Attributes:
        calibration_cutoffs: earliest origins, from which intervals and fallbacks are learnt only;
            one model, fitted at the first, forecasts them all.
        reported_cutoffs: later origins, which are scored; each has a model of its own.
        min_training_weeks: weekly origins that a model needs before its cutoff.
        weeks_between: weeks from one origin to the next between two fits. On the demo 1 costs 15 s
            of CPU more and covers no better.
        max_past_rows: rows of past origins kept to learn intervals from, about. Above it origins
            between the fits are left out, evenly, which bounds memory.
        rules: how intervals and fallbacks are learnt.
    """

    calibration_cutoffs: int = 2
    reported_cutoffs: int = 4
    min_training_weeks: int = 8
    weeks_between: int = 2
    max_past_rows: int = 6_000_000
    rules: CalibrationRules = field(default_factory=CalibrationRules)

    @property
    def cutoffs(self) -> int:
        """Number of origins on the grid."""
        return self.calibration_cutoffs + self.reported_cutoffs


@dataclass(frozen=True)
class Backtest:
    """What a backtest found.

    Attributes:
        forecasts: reported origins: KEYS, horizon_days, category, rmsse_scale, units (actual),
            RUNG_UNITS, units_mean, units_p025 to units_p975, method, is_fallback (as published),
            and PIT, the bounds of the randomised PIT (`metrics.pit_bounds`), null like units.
        scores: long table, see `scores.score_cutoff` and `scores.score_age`; a null cutoff is
            the mean over origins.
        calibration: intervals, ranks and fallbacks from all origins, for the model trained next.
    """

    forecasts: pd.DataFrame
    scores: pd.DataFrame
    calibration: Calibration


def backtest_cutoffs(
    available: Sequence[date],
    *,
    known_through_on: date,
    horizon_days: int,
    cutoff_weekday: int,
    plan: BacktestPlan,
) -> tuple[date, ...]:
    """Choose the latest origins whose horizons follow each other without overlap and have ended.

    They lie on a fixed grid of weeks, so that a model trained a week later is judged on the same
    origins wherever possible.

    Args:
        available: cutoffs for which features exist.
        known_through_on: last day with known sales.
        horizon_days: days ahead.
        cutoff_weekday: weekday of regular cutoffs, Monday is 0; others are passed over.
        plan: how many.

    Raises:
        NotEnoughHistory: fewer than `plan.cutoffs` such origins exist.
    """
    weekly = sorted({cutoff for cutoff in available if cutoff.weekday() == cutoff_weekday})
    step = -(-horizon_days // 7)
    horizon = timedelta(days=horizon_days)
    grid = [
        cutoff
        for cutoff in weekly[plan.min_training_weeks :]
        if (cutoff - GRID_START).days // 7 % step == 0 and cutoff + horizon <= known_through_on
    ]
    if len(grid) >= plan.cutoffs:
        return tuple(grid[-plan.cutoffs :])
    needed = weeks_needed(plan, horizon_days)
    after_first = needed - WEEKS_BEFORE_FIRST_ORIGIN
    if weekly:
        found = (known_through_on - weekly[0]).days // 7
        missing = (
            f"found {found} after it, since {weekly[0]}. Land at least "
            f"{max(after_first - found, 1)} more weeks of sales."
        )
    else:
        missing = f"found no weekly origin. Land {needed} weeks of sales in all."
    raise NotEnoughHistory(
        f"backtest: expected {plan.cutoffs} origins {step} weeks apart, each after "
        f"{plan.min_training_weeks} weekly origins and {horizon_days} days before the last known "
        f"day {known_through_on}; found {len(grid)}. {needed} weeks of sales are enough, "
        f"{WEEKS_BEFORE_FIRST_ORIGIN} to the first weekly origin and {after_first} after it; "
        + missing
    )


def weeks_needed(plan: BacktestPlan, horizon_days: int) -> int:
    """Weeks of sales, from the first one on, that are enough for a backtest wherever they start."""
    step = -(-horizon_days // 7)
    return WEEKS_BEFORE_FIRST_ORIGIN + plan.min_training_weeks + step * (plan.cutoffs + 1) - 1


def rolling_origin_backtest(
    history: History,
    cutoffs: Sequence[date],
    *,
    known_through_on: date,
    parameters: Parameters,
    plan: BacktestPlan,
) -> Backtest:
    """Walk forward over past origins, at each one knowing only what was known then.

    A model is fitted on what was known at the first cutoff and at each reported one, and forecasts
    from there and from cutoffs until the next fit. At a reported cutoff intervals and
    fallbacks are learnt from every earlier origin, as far as its days had come by then, with
    actuals as known then; the calibration that is returned, from every origin as far as known
    on `known_through_on`. Scores use actuals as known on `known_through_on`. A series that was new
    at an origin is left out there; the method `cold_start` forecasts all others as if they were.

    Args:
        history: gives frames as known on a day.
        cutoffs: ascending (`backtest_cutoffs`).
        known_through_on: last day with known sales.
        parameters: how to fit.
        plan: how many origins only calibrate.

    Raises:
        NotEnoughHistory: too few cutoffs, or not in order.
        FrameError: a frame breaks a rule.
    """
    _check_cutoffs(cutoffs, plan)
    past: list[pd.DataFrame] = []
    forecasts: list[pd.DataFrame] = []
    scores: list[pd.DataFrame] = []
    for position, cutoff_on in enumerate(cutoffs):
        if position == 0 or position >= plan.calibration_cutoffs:
            demand = fit(history.training_rows(cutoff_on), parameters)
        frame = history.scoring_rows(cutoff_on)
        check_columns(frame, ["rmsse_scale"])
        rows = established_rows(demand, frame)
        if position >= plan.calibration_cutoffs:
            calibration = calibrate(_known_by(past, history, cutoff_on), plan.rules)
            scored = _with_actuals(rows, history, known_through_on)
            published = with_paths(scored, with_fallback(scored, calibration), calibration)
            methods = {
                "model": with_intervals(scored, MODEL, calibration),
                "baseline": with_intervals(scored, SEASONAL_NAIVE, calibration),
                "cold_start": with_intervals(scored, COLD_START, calibration),
                "published": published,
            }
            scores.append(score_cutoff(scored, methods))
            evidence = _with_pit(scored, published)[EVIDENCE]
            forecasts.append(
                published_rows(scored, published).merge(evidence, on=KEYS, validate="one_to_one")
            )
        past.append(rows)
        until_on = cutoffs[position + 1] if position + 1 < len(cutoffs) else known_through_on
        origins = origins_between(history.cutoffs, cutoff_on, until_on, weeks=plan.weeks_between)
        most = max(1, plan.max_past_rows // (len(cutoffs) * max(len(rows), 1)))
        past += [
            established_rows(demand, history.scoring_rows(later_on))
            for later_on in _evenly(origins, most)[1:]
        ]
    known = _known_by(past, history, known_through_on)
    scores.append(score_age(known, fitted_on=[cutoffs[0], *cutoffs[plan.calibration_cutoffs :]]))
    return Backtest(
        forecasts=pd.concat(forecasts, ignore_index=True),
        scores=pool(pd.concat(scores, ignore_index=True)),
        calibration=calibrate(known, plan.rules),
    )


def established_rows(demand: DemandModel, frame: pd.DataFrame) -> pd.DataFrame:
    """`method_rows` of the series that are not new."""
    rows = method_rows(demand, frame)
    return rows[~rows["is_new"]].reset_index(drop=True)


def adapted_to(
    model: ForecastModel,
    history: History,
    cutoff_on: date,
    *,
    rules: CalibrationRules | None = None,
    max_past_rows: int = BacktestPlan.max_past_rows,
) -> ForecastModel:
    """The model with levels that have followed the days between its training and a cutoff.

    It forecasts those days from weekly origins: the last before its training ended and all since.
    No day of them was trained on, so the errors are as much out of sample as the backtest's. What
    comes out depends on the model and on what was known at the cutoff alone, not on which days
    somebody ran: whoever builds the same forecast again finds the same.

    Args:
        model: the model as it was trained.
        history: gives frames and actuals as known on a day.
        cutoff_on: last day of data used.
        rules: how fast levels follow; the defaults where left out.
        max_past_rows: rows kept at most, about; above it origins are left out, evenly.
    """
    trained_on = model.trained_through_on
    before = [cutoff for cutoff in history.cutoffs if cutoff <= trained_on][-1:]
    origins = before + [cutoff for cutoff in history.cutoffs if trained_on < cutoff < cutoff_on]
    if not origins or trained_on >= cutoff_on:
        return model
    first = established_rows(model.demand, history.scoring_rows(origins[0]))
    most = max(1, max_past_rows // max(len(first), 1))
    later = [
        established_rows(model.demand, history.scoring_rows(origin))
        for origin in _evenly(origins, most)[1:]
    ]
    came = _known_by([first, *later], history, cutoff_on)
    came = came[(came["target_on"] > pd.Timestamp(trained_on)) & came["units"].notna()]
    moved = adapted(model.calibration, came, rules or CalibrationRules())
    return replace(model, calibration=moved)


def origins_between(
    available: Sequence[date], first_on: date, until_on: date, *, weeks: int
) -> list[date]:
    """The first cutoff, and those so many weeks apart from it before `until_on`, ascending."""
    return [
        cutoff
        for cutoff in available
        if first_on <= cutoff < until_on and (cutoff - first_on).days % (7 * weeks) == 0
    ]


def _evenly(cutoffs: list[date], most: int) -> list[date]:
    """At most so many of the cutoffs, evenly from the first on."""
    return cutoffs[:: -(-len(cutoffs) // most)]


def _check_cutoffs(cutoffs: Sequence[date], plan: BacktestPlan) -> None:
    if len(cutoffs) < plan.cutoffs or plan.calibration_cutoffs < 1 or plan.reported_cutoffs < 1:
        raise NotEnoughHistory(
            f"backtest: expected {plan.calibration_cutoffs} origins to calibrate on and "
            f"{plan.reported_cutoffs} to report, found {len(cutoffs)}. Land more sales, or plan "
            "fewer origins (at least 1 of each)."
        )
    if list(cutoffs) != sorted(set(cutoffs)):
        raise NotEnoughHistory(f"backtest: expected ascending cutoffs, found {list(cutoffs)}")


def _known_by(origins: Sequence[pd.DataFrame], history: History, known_on: date) -> pd.DataFrame:
    """Rows of origins whose day had come by `known_on`, with `units` as known then."""
    day = pd.Timestamp(known_on)
    ended = [rows[rows["target_on"] <= day] for rows in origins]
    return _with_actuals(pd.concat(ended, ignore_index=True), history, known_on)


def _with_pit(scored: pd.DataFrame, published: Published) -> pd.DataFrame:
    """Rows with the bounds of their randomised PIT, taken from the sample paths."""
    assert published.paths is not None
    actual = scored["units"].to_numpy(dtype=np.float64)
    bounds = pit_bounds(actual, published.paths)
    unknown = np.isnan(actual)
    columns = zip(PIT, bounds, strict=True)
    return scored.assign(**{name: np.where(unknown, np.nan, bound) for name, bound in columns})


def _with_actuals(rows: pd.DataFrame, history: History, known_on: date) -> pd.DataFrame:
    """Rows with `units` as known on a day; null where closed or not known."""
    first_on, last_on = rows["target_on"].min().date(), rows["target_on"].max().date()
    actuals = history.actual_units(first_on, last_on, known_on)[ACTUALS]
    joined = rows.merge(actuals, on=ACTUALS[:3], how="left", validate="many_to_one")
    return joined.assign(units=joined["units"].astype(np.float64).mask(joined["is_closed"]))
