"""The ladder of methods: each rung takes more effort than the one below and has to be worth it.

The three below the model are known from the frame alone. The seasonal naive one is the baseline
that the gate holds the model against. Beside the ladder stands the cold start, for series that are
new: they have no history that a rung could use.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from dagster_project.forecasting.frames import SERIES, is_closed
from dagster_project.forecasting.metrics import Numbers

NAIVE, SEASONAL_NAIVE, WEEKDAY_AVERAGE, MODEL = (
    "naive",
    "seasonal_naive",
    "weekday_average",
    "model",
)
RUNGS = (NAIVE, SEASONAL_NAIVE, WEEKDAY_AVERAGE, MODEL)
"""From the simplest up."""

COLD_START = "cold_start"
METHODS = (*RUNGS, COLD_START)
"""Whatever can be published."""

BELOW_MODEL = {
    NAIVE: "naive_units",
    SEASONAL_NAIVE: "baseline_units",
    WEEKDAY_AVERAGE: "f_weekday_mean_8",
}
"""The column of the frame that holds the units of a rung."""

COLUMN_OF = {**BELOW_MODEL, COLD_START: "cold_start_units"}


def units_column(rung: str) -> str:
    """The column that holds the units of a rung beside those of the others."""
    return f"{rung}_units"


def rung_units(frame: pd.DataFrame, rung: str) -> Numbers:
    """Units of a method other than the model, with t the target day and h days ahead.

    * naive: of the last known open day, f(t) = y(t - h);
    * seasonal naive: of the last known same weekday, f(t) = y(t - 7 ceil(h / 7));
    * weekday average: the mean of the same weekday over the last 8 weeks;
    * cold start: what product and store do elsewhere, and the series so far (feat_cold_start).

    What is not known, such as a weekday that the series has not seen yet, is the mean of the
    series' other days ahead; a series of which nothing is known gets 0. A day on which the store is
    known to be closed gets 0.

    Args:
        frame: rows with `cutoff_on`, `product_id`, `store_id`, `is_open` and the rung's column.
        rung: one of those below the model, or the cold start.

    Returns:
        Units per row, never null and never negative.
    """
    units = frame[COLUMN_OF[rung]].astype(np.float64)
    if units.isna().any():
        series = [frame[name] for name in ["cutoff_on", *SERIES]]
        units = units.fillna(units.groupby(series, observed=True).transform("mean")).fillna(0.0)
    return np.where(is_closed(frame), 0.0, np.maximum(units.to_numpy(), 0.0))
