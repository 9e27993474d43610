"""What past origins teach: how wide intervals are, which errors come together, who loses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from dagster_project.forecasting.adaptation import Adaptation, AdaptationRules, adapt
from dagster_project.forecasting.dispersion import Dispersion, fit_dispersion
from dagster_project.forecasting.fallback import (
    FallbackRule,
    Fallbacks,
    choose_fallbacks,
    methods_of,
)
from dagster_project.forecasting.intervals import (
    PATHS,
    QUANTILES,
    IntervalTable,
    Strata,
    errors_of,
    fit_intervals,
    mean_errors,
    pit_ranks,
    quantile_frame,
    stratum_of,
)
from dagster_project.forecasting.metrics import Codes, Numbers
from dagster_project.forecasting.paths import PastRanks, Paths, draw_paths, fit_ranks, ranks_of
from dagster_project.forecasting.rungs import (
    COLD_START,
    METHODS,
    MODEL,
    SEASONAL_NAIVE,
    units_column,
)

UNMOVED = Adaptation({})


@dataclass(frozen=True)
class CalibrationRules:
    """How errors are pooled and when a series falls back.

    Attributes:
        strata: how errors are pooled.
        fallback: when a series falls back.
        adaptation: how fast levels follow what came true.
        seed: order of errors that are the same, such as those of days without a sale.
    """

    strata: Strata = field(default_factory=Strata)
    fallback: FallbackRule = field(default_factory=FallbackRule)
    adaptation: AdaptationRules = field(default_factory=AdaptationRules)
    seed: int = 20171231


@dataclass(frozen=True)
class Calibration:
    """Interval tables and ranks of past errors of every method, and the series that fall back.

    Attributes:
        intervals: of each method: errors of the model and of the cold start as ratios to their
            forecast, those of the others in units of the series' scale. The blocks of the cold
            start are not days ahead but its strata.
        dispersion: the power that each ratio of the model is taken to.
        ranks: of each method: on which past days its errors were large together.
        fallbacks: the rung of each series that is not served by the model.
        adaptations: of each method: how its levels have moved with what came true.
    """

    intervals: dict[str, IntervalTable]
    dispersion: Dispersion
    ranks: dict[str, PastRanks]
    fallbacks: Fallbacks
    adaptations: dict[str, Adaptation]


@dataclass(frozen=True)
class Published:
    """A forecast with its quantiles, row by row.

    Attributes:
        units: expected units, shape (n,).
        quantiles: columns units_p025 to units_p975, n rows.
        method: the rung that is published, object, shape (n,).
        paths: sample paths, shape (n, PATHS), or None where nobody asked (`with_paths`).
    """

    units: Numbers
    quantiles: pd.DataFrame
    method: npt.NDArray[np.object_]
    paths: Paths | None = None

    @property
    def is_fallback(self) -> npt.NDArray[np.bool_]:
        """True where another rung than the model is published, shape (n,)."""
        return np.asarray(self.method != MODEL, dtype=np.bool_)


def calibrate(past: pd.DataFrame, rules: CalibrationRules) -> Calibration:
    """Learn intervals, ranks and fallbacks from rows of past origins.

    Args:
        past: rows of series that were not new, with `units` (null is skipped), the units of each
            method, `scale`, `horizon_days`, `cold_start_stratum`, `product_id`,
            `store_id`, `target_on`, `is_closed`, `day_kind`. Their cold start is made as if they
            had been new.
        rules: how to pool, when to fall back.

    Raises:
        NoErrors: no row has a known actual.
    """
    known = past[past["units"].notna()]
    dispersion = _dispersion(known, rules)
    tables: dict[str, IntervalTable] = {}
    ranks: dict[str, PastRanks] = {}
    block_days = rules.strata.horizon_block_days
    for rung in METHODS:
        units, errors = _numbers(known, units_column(rung)), _errors(known, rung, dispersion)
        tables[rung] = fit_intervals(errors, units, _horizon(known, rung, block_days), rules.strata)
        ranks[rung] = fit_ranks(known, errors, seed=rules.seed)
    fallbacks = choose_fallbacks(known, rules.fallback)
    unmoved = Calibration(tables, dispersion, ranks, fallbacks, dict.fromkeys(METHODS, UNMOVED))
    return adapted(unmoved, known, rules)


def adapted(calibration: Calibration, came: pd.DataFrame, rules: CalibrationRules) -> Calibration:
    """The same calibration with levels that have followed what came true, day by day.

    Args:
        calibration: where the levels stand.
        came: rows as in `calibrate` of days that it has not followed yet.
        rules: how fast levels follow.
    """
    moved = dict(calibration.adaptations)
    for rung, table in calibration.intervals.items():
        errors = _errors(came, rung, calibration.dispersion)
        known = ~np.isnan(errors)
        rows = came[known]
        horizon = _horizon(rows, rung, table.horizon_block_days)
        stratum = stratum_of(table, _numbers(rows, units_column(rung)), horizon)
        found = pit_ranks(table, errors[known], stratum)
        moved[rung] = adapt(moved[rung], rows, found, rules.adaptation)
    return replace(calibration, adaptations=moved)


def spread_of(rows: pd.DataFrame, rung: str, dispersion: Dispersion) -> tuple[Numbers, Numbers]:
    """Units that the errors of a method are measured in, 0 on closed days, and their power."""
    spread = _numbers(rows, units_column(rung) if rung in (MODEL, COLD_START) else "scale")
    power = dispersion.of(rows) if rung == MODEL else np.ones(len(rows))
    return np.where(rows["is_closed"].to_numpy(dtype=np.bool_), 0.0, spread), power


def _errors(rows: pd.DataFrame, rung: str, dispersion: Dispersion) -> Numbers:
    """Errors of a method, null where the day is closed or its sales not known."""
    units = _numbers(rows, units_column(rung))
    return errors_of(_numbers(rows, "units"), units, *spread_of(rows, rung, dispersion))


def _dispersion(known: pd.DataFrame, rules: CalibrationRules) -> Dispersion:
    """Learn how wide the model's errors are beside those of all forecasts of their stratum."""
    units = _numbers(known, units_column(MODEL))
    horizon = _horizon(known, MODEL, rules.strata.horizon_block_days)
    errors = _errors(known, MODEL, Dispersion({}))
    usual = mean_errors(fit_intervals(errors, units, horizon, rules.strata), units, horizon)
    sizes = np.full(len(known), np.nan)
    np.divide(np.abs(errors), usual, out=sizes, where=usual > 0)
    return fit_dispersion(known, sizes)


def with_intervals(rows: pd.DataFrame, rung: str, calibration: Calibration) -> Published:
    """Units and quantiles of one method on its own."""
    return _published(rows, np.full(len(rows), rung, dtype=object), calibration)


def with_baseline(rows: pd.DataFrame, calibration: Calibration) -> Published:
    """The baseline's forecast, and the cold start's for series that are new."""
    baseline = np.full(len(rows), SEASONAL_NAIVE, dtype=object)
    return _published(rows, _or_cold_start(rows, baseline), calibration)


def with_fallback(rows: pd.DataFrame, calibration: Calibration) -> Published:
    """The model's forecast, or that of the rung a series falls back to, or the cold start's."""
    methods = methods_of(rows, calibration.fallbacks)
    return _published(rows, _or_cold_start(rows, methods), calibration)


def with_paths(rows: pd.DataFrame, published: Published, calibration: Calibration) -> Published:
    """The same forecast with its sample paths, one row of paths for each of its rows.

    Args:
        rows: what the forecast was made from, also `product_id`, `store_id` and `category`.
        published: from `with_fallback` or `with_intervals`.
        calibration: what it was made with.
    """
    paths = np.empty((len(rows), PATHS), dtype=np.float32)
    for rung, chosen in _by_rung(published.method):
        part, table = rows[chosen], calibration.intervals[rung]
        spread, power = spread_of(part, rung, calibration.dispersion)
        paths[chosen] = draw_paths(
            table,
            published.units[chosen],
            spread,
            _horizon(part, rung, table.horizon_block_days),
            ranks_of(calibration.ranks[rung], part),
            power,
            calibration.adaptations[rung].ranks_of(part),
        )
    return replace(published, paths=paths)


def _published(
    rows: pd.DataFrame, method: npt.NDArray[np.object_], calibration: Calibration
) -> Published:
    """Units and quantiles of the method that each row names."""
    units, quantiles = np.empty(len(rows)), np.empty((len(rows), len(QUANTILES)))
    for rung, chosen in _by_rung(method):
        part, table = rows[chosen], calibration.intervals[rung]
        units[chosen] = _numbers(part, units_column(rung))
        spread, power = spread_of(part, rung, calibration.dispersion)
        quantiles[chosen] = quantile_frame(
            table,
            units[chosen],
            spread,
            _horizon(part, rung, table.horizon_block_days),
            power,
            calibration.adaptations[rung].ranks_of(part),
        )
    return Published(units, pd.DataFrame(quantiles, columns=list(QUANTILES)), method)


def _by_rung(
    method: npt.NDArray[np.object_],
) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """Each method that some row names, with its rows."""
    for rung in METHODS:
        chosen = np.asarray(method == rung, dtype=np.bool_)
        if chosen.any():
            yield rung, chosen


def _numbers(rows: pd.DataFrame, name: str) -> Numbers:
    return rows[name].to_numpy(dtype=np.float64, na_value=np.nan)


def _or_cold_start(rows: pd.DataFrame, methods: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """The method of each row, the cold start where the series is new."""
    return np.where(rows["is_new"].to_numpy(dtype=np.bool_), COLD_START, methods)


def _horizon(rows: pd.DataFrame, rung: str, block_days: int) -> Codes:
    """What the blocks of an interval table are made of: days ahead, from 1.

    How wrong a cold start is, its level decides, and that what is known of store and product: each
    of its strata takes the place of a block.
    """
    if rung == COLD_START:
        return 1 + block_days * rows["cold_start_stratum"].to_numpy(dtype=np.int64)
    return rows["horizon_days"].to_numpy(dtype=np.int64)
