"""A small invented set in the shape of the real ones."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd

from benchmarks.datasets import Dataset
from benchmarks.problem import SERIES

FIRST_DAY = pd.Timestamp("2015-01-05")  # a Monday
CUTOFFS = (date(2015, 4, 26), date(2015, 5, 24))


def invented_set(*, weeks: int = 24, seed: int = 3) -> Dataset:
    """Four series of two stores; closed on Sundays, one starts late; promoted every third week."""
    generator = np.random.default_rng(seed)
    days = pd.date_range(FIRST_DAY, periods=7 * weeks)
    series = pd.DataFrame(
        [
            (product, store, "food" if product == "bread" else "other", product, "north")
            for product in ("bread", "soap")
            for store in ("s1", "s2")
        ],
        columns=[*SERIES, "category", "department", "region"],
    )
    known = series[SERIES].merge(pd.DataFrame({"day_on": days}), "cross")
    known["is_open"] = known["day_on"].dt.day_of_week != 6
    known["is_promoted"] = (known["day_on"] - FIRST_DAY).dt.days // 7 % 3 == 0
    known["event"] = np.where(known["day_on"] == FIRST_DAY + timedelta(days=60), "fair", "none")
    known["promotion"] = known["is_promoted"].astype(float)
    level = known["product_id"].map({"bread": 20.0, "soap": 2.0})
    factor = 1 + 0.1 * known["day_on"].dt.day_of_week + 0.5 * known["promotion"]
    known["units"] = generator.poisson(level * factor).astype(float)
    begun = (known["product_id"] != "soap") | (known["day_on"] >= FIRST_DAY + timedelta(days=30))
    sales = known[known["is_open"] & begun].rename(columns={"day_on": "sold_on"})
    return Dataset(
        name="demo",
        sales=sales[[*SERIES, "sold_on", "units"]].reset_index(drop=True),
        known_ahead=known.drop(columns="units"),
        series=series,
        horizon_days=28,
        cutoffs=CUTOFFS,
        exogenous=("promotion",),
        objective={"objective": "tweedie", "tweedie_variance_power": 1.4},
    )
