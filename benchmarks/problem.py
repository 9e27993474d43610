"""What every method gets at an origin, and what it must give back.

Imports neither the product nor a library of a peer: both sides read it, each in an environment of
its own, because the peers need an older pandas than the product.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

SERIES = ["product_id", "store_id"]
QUANTILES = {
    "units_p025": 0.025,
    "units_p10": 0.1,
    "units_p50": 0.5,
    "units_p90": 0.9,
    "units_p975": 0.975,
}
FORECAST = [*SERIES, "target_on", "units_mean", *QUANTILES]
TABLES = ("sales", "known_ahead", "series")


@dataclass(frozen=True)
class Problem:
    """One origin: forecast every series for each day of the horizon.

    Attributes:
        sales: SERIES, sold_on, units up to the cutoff; a closed day has no row, a zero is a day
            that was open.
        known_ahead: SERIES, day_on, is_open, event (text, "none"), is_promoted and the columns of
            `exogenous`; every day from the first of the sales to the end of the horizon.
        series: SERIES, category, department, region; those to be forecast.
        cutoff_on: last day that is known.
        horizon_days: days ahead.
        exogenous: numeric columns of `known_ahead` that say more than the event.
        objective: the loss that ours is fitted with, as LightGBM's parameters.
    """

    sales: pd.DataFrame
    known_ahead: pd.DataFrame
    series: pd.DataFrame
    cutoff_on: date
    horizon_days: int
    exogenous: tuple[str, ...]
    objective: dict[str, Any]

    @property
    def target_days(self) -> pd.DatetimeIndex:
        """The days to be forecast."""
        first = pd.Timestamp(self.cutoff_on) + pd.Timedelta(days=1)
        return pd.date_range(first, periods=self.horizon_days)

    def save(self, folder: Path) -> None:
        """Write the problem into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in TABLES:
            getattr(self, name).to_parquet(folder / f"{name}.parquet", index=False)
        plain = {
            "cutoff_on": self.cutoff_on.isoformat(),
            "horizon_days": self.horizon_days,
            "exogenous": list(self.exogenous),
            "objective": self.objective,
        }
        (folder / "problem.json").write_text(json.dumps(plain))

    @classmethod
    def load(cls, folder: Path) -> Problem:
        """Read what `save` wrote."""
        plain = json.loads((folder / "problem.json").read_text())
        tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in TABLES}
        return cls(
            **tables,
            cutoff_on=date.fromisoformat(plain["cutoff_on"]),
            horizon_days=plain["horizon_days"],
            exogenous=tuple(plain["exogenous"]),
            objective=plain["objective"],
        )


def units_by_day(problem: Problem) -> pd.DataFrame:
    """Units as a table: a row per day up to the cutoff, a column per series in scope.

    Returns:
        Index sold_on without gaps, columns (product_id, store_id) in the order of
        `problem.series`; NaN where the store was closed or the series had not begun.
    """
    table = problem.sales.pivot(index="sold_on", columns=SERIES, values="units")
    days = pd.date_range(table.index.min(), pd.Timestamp(problem.cutoff_on))
    wanted = pd.MultiIndex.from_frame(problem.series[SERIES])
    return table.reindex(index=days, columns=wanted).astype(np.float64)


def weekdays(units: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Weekday of each row of `units_by_day`, Monday is 0."""
    return pd.DatetimeIndex(units.index).day_of_week.to_numpy().astype(np.int64)


def forecast_table(
    problem: Problem, mean: npt.NDArray[np.float64], quantiles: npt.NDArray[np.float64]
) -> pd.DataFrame:
    """Rows of FORECAST from arrays, with the rules that hold for every method.

    Never negative; quantiles ascend; a day on which the store is known to be closed is 0.

    Args:
        problem: what was asked.
        mean: units, shape (series, horizon days), in the order of `problem.series`.
        quantiles: units, shape (series, horizon days, 5).
    """
    rows = problem.series[SERIES].merge(pd.DataFrame({"target_on": problem.target_days}), "cross")
    rows["units_mean"] = np.maximum(mean, 0.0).ravel()
    ascending = np.sort(np.maximum(quantiles, 0.0), axis=2).reshape(-1, len(QUANTILES))
    for position, name in enumerate(QUANTILES):
        rows[name] = ascending[:, position]
    calendar = problem.known_ahead[[*SERIES, "day_on", "is_open"]]
    calendar = calendar.rename(columns={"day_on": "target_on"})
    rows = rows.merge(calendar, on=[*SERIES, "target_on"], how="left", validate="one_to_one")
    closed = rows["is_open"].astype("boolean").eq(False).fillna(False).to_numpy(dtype=bool)
    rows.loc[closed, ["units_mean", *QUANTILES]] = 0.0
    return rows[FORECAST]
