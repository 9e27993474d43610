"""A forecast model whole: everything fitted in one object, and the rows it publishes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from dagster_project.forecasting.adaptation import Adaptation
from dagster_project.forecasting.calibration import (
    Calibration,
    Published,
    with_baseline,
    with_fallback,
    with_paths,
)
from dagster_project.forecasting.dispersion import Dispersion
from dagster_project.forecasting.frames import (
    KEYS,
    check_columns,
    check_complete,
    day_kind,
    is_closed,
)
from dagster_project.forecasting.inputs import series_scale
from dagster_project.forecasting.intervals import PATHS, QUANTILES, IntervalTable
from dagster_project.forecasting.model import DemandModel, predict, trees_bytes
from dagster_project.forecasting.paths import PastRanks, Paths
from dagster_project.forecasting.rungs import (
    COLUMN_OF,
    METHODS,
    MODEL,
    rung_units,
    units_column,
)
from dagster_project.parameters import Parameters

STATE_FORMAT = 6
DECIMALS = 4
"""Digits of published units: they are DECIMAL(18, 4), and hide the last bits of the arithmetic."""


@dataclass(frozen=True)
class ForecastModel:
    """Everything that was fitted: regressor, encodings, interval tables, ranks, fallbacks.

    Attributes:
        trained_through_on: last day of sales that the model has seen.
        demand: the regression.
        calibration: intervals, ranks and fallbacks from the backtest.
        is_baseline: True publishes the baseline for every series that is not new, as when the gate
            refused the model and there is no champion.
    """

    trained_through_on: date
    demand: DemandModel
    calibration: Calibration
    is_baseline: bool = False

    def as_baseline(self) -> ForecastModel:
        """The same calibration, with the baseline published for every series."""
        return replace(self, is_baseline=True)

    def to_state(self) -> dict[str, Any]:
        """A plain dict of scikit-learn estimators, arrays, lists, numbers and text."""
        return {
            "format": STATE_FORMAT,
            "trained_through_on": self.trained_through_on.isoformat(),
            "pipeline": self.demand.pipeline,
            "features": list(self.demand.features),
            "parameters": asdict(self.demand.parameters),
            "intervals": {name: vars(self.calibration.intervals[name]) for name in METHODS},
            "dispersion": self.calibration.dispersion.factors,
            "ranks": {name: vars(self.calibration.ranks[name]) for name in METHODS},
            "adaptations": {name: self.calibration.adaptations[name].shifts for name in METHODS},
            "fallbacks": [[*pair, rung] for pair, rung in self.calibration.fallbacks.items()],
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> ForecastModel:
        """Rebuild a model from `to_state`.

        Raises:
            ValueError: the state has another format than this code writes.
        """
        if state.get("format") != STATE_FORMAT:
            raise ValueError(
                f"model state: expected format {STATE_FORMAT}, found {state.get('format')!r}. "
                "Train again with this version of meshcast."
            )
        return cls(
            trained_through_on=date.fromisoformat(state["trained_through_on"]),
            demand=DemandModel(
                state["pipeline"], tuple(state["features"]), Parameters(**state["parameters"])
            ),
            calibration=Calibration(
                {rung: IntervalTable(**table) for rung, table in state["intervals"].items()},
                Dispersion(state["dispersion"]),
                {rung: PastRanks(**ranks) for rung, ranks in state["ranks"].items()},
                {(product_id, store_id): rung for product_id, store_id, rung in state["fallbacks"]},
                {rung: Adaptation(shifts) for rung, shifts in state["adaptations"].items()},
            ),
        )


def content_hash(model: ForecastModel) -> str:
    """SHA-256 over what decides the model's forecasts: the same fit gives the same hash.

    The bytes of a dump cannot serve: they hold times and memory addresses.
    """
    digest = hashlib.sha256()
    state = model.to_state()
    columns = state["pipeline"]["columns"]
    plain = {
        name: state[name]
        for name in (
            *("format", "trained_through_on", "features", "parameters"),
            *("dispersion", "fallbacks"),
        )
    }
    categories = columns.named_transformers_["ids"].categories_
    plain["categories"] = [[str(value) for value in column] for column in categories]
    digest.update(json.dumps(plain, sort_keys=True).encode())
    for name in ("intervals", "ranks"):
        for rung in METHODS:
            for key, value in sorted(state[name][rung].items()):
                digest.update(f"{name} {rung} {key} {np.shape(value)}".encode())
                digest.update(np.ascontiguousarray(value).tobytes())
    for rung in METHODS:
        for kind, shifts in sorted(state["adaptations"][rung].items()):
            for stratum, shift in sorted(shifts.items()):
                digest.update(f"adaptations {rung} {kind} {stratum}".encode())
                digest.update(np.ascontiguousarray(shift).tobytes())
    digest.update(trees_bytes(model.demand))
    return digest.hexdigest()


def method_rows(demand: DemandModel, frame: pd.DataFrame) -> pd.DataFrame:
    """The columns that calibration and scoring need, with the units of every method.

    Returns:
        KEYS, horizon_days, category, is_closed, day_kind, is_new, cold_start_stratum, scale, a
        `units_column` for each of METHODS and, where the frame has it, rmsse_scale; the index is
        0, 1, …

    Raises:
        FrameError: the frame breaks a rule, lacks a feature, or a series lacks target days.
    """
    model_units = predict(demand, frame)
    check_columns(frame, ["is_new", "cold_start_units", "cold_start_stratum"])
    check_complete(frame)
    kept = [*KEYS, "horizon_days", "category"]
    kept += [name for name in ("rmsse_scale",) if name in frame.columns]
    return (
        frame[kept]
        .assign(
            is_closed=is_closed(frame),
            day_kind=day_kind(frame),
            is_new=frame["is_new"].to_numpy(dtype=np.bool_),
            cold_start_stratum=frame["cold_start_stratum"].to_numpy(dtype=np.int64),
            scale=series_scale(frame, demand.parameters),
            **{units_column(rung): rung_units(frame, rung) for rung in COLUMN_OF},
            **{units_column(MODEL): model_units},
        )
        .reset_index(drop=True)
    )


def forecast(model: ForecastModel, frame: pd.DataFrame) -> pd.DataFrame:
    """Make the rows to publish: each row of the frame exactly once.

    Args:
        model: a fitted model.
        frame: forecast frame of one or more origins.

    Returns:
        KEYS, horizon_days, units_mean, units_p025 to units_p975 (at least 0, ascending, four
        decimals), method (one of METHODS), is_fallback and units_paths (an Arrow column of PATHS
        floats), sorted by KEYS.

    Raises:
        FrameError: the frame breaks a rule, lacks a feature, or a series lacks target days.
    """
    rows = method_rows(model.demand, frame).sort_values(KEYS, ignore_index=True)
    published = (
        with_baseline(rows, model.calibration)
        if model.is_baseline
        else with_fallback(rows, model.calibration)
    )
    paths = with_paths(rows, published, model.calibration).paths
    assert paths is not None
    return published_rows(rows, published).assign(units_paths=paths_column(paths))


def paths_column(paths: Paths) -> pd.Series:
    """Sample paths as a column of Arrow arrays of a fixed length, without a copy."""
    arrays = pa.FixedSizeListArray.from_arrays(pa.array(paths.ravel()), PATHS)
    return pd.Series(arrays, dtype=pd.ArrowDtype(arrays.type))


def published_rows(rows: pd.DataFrame, published: Published) -> pd.DataFrame:
    """Keys beside rounded units, sorted by key."""
    units = published.quantiles.to_numpy(dtype=np.float64)
    rounded = {"units_mean": np.round(published.units, DECIMALS)}
    for position, name in enumerate(QUANTILES):
        rounded[name] = np.round(units[:, position], DECIMALS)
    return (
        rows[[*KEYS, "horizon_days"]]
        .assign(**rounded, method=published.method, is_fallback=published.is_fallback)
        .sort_values(KEYS, ignore_index=True)
    )
