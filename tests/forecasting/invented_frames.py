"""An invented chain of stores as forecast frames, the same for the same seed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from dagster_project.parameters import Parameters

FIRST_DAY = date(2017, 1, 2)
HORIZON_DAYS = 28
QUICK = Parameters(iterations=25, learning_rate=0.15, min_samples_leaf=20, leaves=15)


@dataclass
class InventedHistory:
    """Forecast frames of every weekly origin, and the units behind them.

    Attributes:
        frame: all origins, with `units` (null on closed days and after the last day).
        actuals: product_id, store_id, target_on, units.
        cutoffs: weekly Sundays.
        known_through_on: last day with units.
    """

    frame: pd.DataFrame
    actuals: pd.DataFrame
    cutoffs: list[date]
    known_through_on: date

    def training_rows(self, cutoff_on: date) -> pd.DataFrame:
        return self.frame[self.frame["target_on"] <= pd.Timestamp(cutoff_on)]

    def scoring_rows(self, cutoff_on: date) -> pd.DataFrame:
        return self.frame[self.frame["cutoff_on"] == pd.Timestamp(cutoff_on)].drop(columns="units")

    def actual_units(self, first_on: date, last_on: date, known_on: date) -> pd.DataFrame:
        days = self.actuals["target_on"]
        last = pd.Timestamp(min(last_on, known_on))
        return self.actuals[(days >= pd.Timestamp(first_on)) & (days <= last)]


def invented_history(
    *, products: int = 5, stores: int = 4, weeks: int = 46, seed: int = 1
) -> InventedHistory:
    """Poisson demand with a weekly season, promotions that double it, and one closed day."""
    chance = np.random.default_rng(seed)
    count, length = products * stores, weeks * 7
    series = pd.DataFrame(
        {
            "product_id": [f"product {i // stores}" for i in range(count)],
            "store_id": [f"{i % stores}" for i in range(count)],
            "category": [f"category {i // stores % 2}" for i in range(count)],
        }
    )
    level = np.exp(chance.uniform(np.log(0.4), np.log(30), count))
    week = 1 + 0.6 * np.sin(2 * np.pi * np.arange(7) / 7)
    promoted = np.repeat(chance.random((count, weeks + 8)) < 0.15, 7, axis=1).astype(float)
    mean = level[:, None] * week[np.arange(length) % 7] * (1 + promoted[:, :length])
    units = chance.poisson(mean).astype(float)
    closed = np.zeros((count, length + HORIZON_DAYS), dtype=bool)
    closed[series["store_id"] == "1", length - 20] = True
    units[closed[:, :length]] = np.nan
    cutoffs = list(range(55, length, 7))
    frame = pd.concat(
        [_origin(series, units, promoted, closed, cutoff) for cutoff in cutoffs], ignore_index=True
    )
    days = pd.to_datetime([FIRST_DAY + timedelta(days=i) for i in range(length)])
    actuals = series[["product_id", "store_id"]].merge(pd.DataFrame({"target_on": days}), "cross")
    return InventedHistory(
        frame,
        actuals.assign(units=units.ravel()),
        [FIRST_DAY + timedelta(days=cutoff) for cutoff in cutoffs],
        FIRST_DAY + timedelta(days=length - 1),
    )


def _cold_start(
    series: pd.DataFrame, past: np.ndarray, cutoff: int
) -> tuple[np.ndarray, np.ndarray]:
    """The mean of the product, or of the series where some of its days are not hidden."""
    stratum = (np.arange(len(series)) + cutoff // 7) % 8
    known = np.array([0, 7, 14, 28])[stratum % 4]
    recent = pd.Series(np.nanmean(past[:, -28:], axis=1)).groupby(series["product_id"])
    own = [np.nansum(past[i, past.shape[1] - days :]) for i, days in enumerate(known)]
    product = recent.transform("mean").to_numpy()
    return (np.array(own) + 2 * product) / (known + 2), stratum


def _origin(
    series: pd.DataFrame,
    units: np.ndarray,
    promoted: np.ndarray,
    closed: np.ndarray,
    cutoff: int,
) -> pd.DataFrame:
    past = units[:, : cutoff + 1]
    cold_start = _cold_start(series, past, cutoff)
    blocks = []
    for horizon in range(1, HORIZON_DAYS + 1):
        target = cutoff + horizon
        same_weekday = past[:, target % 7 :: 7]
        blocks.append(
            series.assign(
                cutoff_on=pd.Timestamp(FIRST_DAY + timedelta(days=cutoff)),
                target_on=pd.Timestamp(FIRST_DAY + timedelta(days=target)),
                horizon_days=horizon,
                is_open=np.where(closed[:, target], False, None),
                is_new=False,
                cold_start_units=cold_start[0],
                cold_start_stratum=cold_start[1],
                naive_units=np.nan_to_num(past[:, -1]),
                baseline_units=np.nan_to_num(same_weekday[:, -1]),
                rmsse_scale=np.nanmean(np.diff(past, axis=1) ** 2, axis=1),
                f_mean_56=np.nanmean(past[:, -56:], axis=1),
                f_mean_14=np.nanmean(past[:, -14:], axis=1),
                f_weekday_mean_8=np.nanmean(same_weekday[:, -8:], axis=1),
                f_weekday=target % 7,
                f_promo_plan_share=promoted[:, target],
                units=units[:, target] if target < units.shape[1] else np.nan,
            )
        )
    return pd.concat(blocks, ignore_index=True)
