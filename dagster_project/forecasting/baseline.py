"""The forecast to beat: last known same weekday, which SQL delivers as `baseline_units`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dagster_project.forecasting.frames import SERIES, is_closed
from dagster_project.forecasting.metrics import Numbers


def seasonal_naive(frame: pd.DataFrame) -> Numbers:
    """Units of the last known same weekday: f(t) = y(t - 7 ceil(h / 7)).

    A weekday that the series has not seen yet gets the mean of its other weekdays; a series that
    has seen none gets 0. A day on which the store is known to be closed gets 0.

    Args:
        frame: rows with `cutoff_on`, `product_id`, `store_id`, `baseline_units`, `is_open`.

    Returns:
        Units per row, never null and never negative.
    """
    units = frame["baseline_units"].astype(np.float64)
    if units.isna().any():
        series = [frame[name] for name in ["cutoff_on", *SERIES]]
        units = units.fillna(units.groupby(series, observed=True).transform("mean")).fillna(0.0)
    return np.where(is_closed(frame), 0.0, np.maximum(units.to_numpy(), 0.0))
