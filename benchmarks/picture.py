"""One picture of a set's forecasts: a series with its band, and the skill by horizon."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from benchmarks.datasets import Dataset
from benchmarks.problem import SERIES
from benchmarks.scores import rows_to_score, with_forecast

REFERENCE = "seasonal_naive"
PAST_DAYS = 56
INK, BAND, QUIET = "#1f3a5f", "#7fa8d1", "#8a8a8a"


def write_picture(
    file: Path, dataset: Dataset, answers: Mapping[str, Mapping[date, pd.DataFrame]], ours: str
) -> None:
    """Write a PNG of two panels.

    Left: the series that sold most, forecast at the last origin with its 80 and 95 % intervals,
    beside what was sold. Right: `skill_by_week`.

    Args:
        file: where to write it.
        dataset: the set.
        answers: method -> cutoff -> rows of FORECAST, of `ours` and REFERENCE at least.
        ours: name of our method.
    """
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(11, 3.8), width_ratios=(2.2, 1), layout="constrained"
    )
    _band(left, dataset, answers[ours])
    skill = skill_by_week(dataset, answers, ours)
    right.bar(skill.index, skill * 100, color=INK, width=0.6)
    right.axhline(0, color=QUIET, linewidth=0.8)
    right.set(
        title="Error below that of seasonal naive", xlabel="week ahead", ylabel="%",
        xticks=list(skill.index),
    )  # fmt: skip
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110, metadata={"Software": None})
    plt.close(figure)


def skill_by_week(
    dataset: Dataset, answers: Mapping[str, Mapping[date, pd.DataFrame]], ours: str
) -> pd.Series:
    """1 - RMSSE / RMSSE of REFERENCE by week of the horizon, over the rows of all origins."""
    errors = {}
    for method in (ours, REFERENCE):
        rows = pd.concat(
            with_forecast(rows_to_score(dataset, cutoff), answers[method][cutoff], method)
            for cutoff in dataset.cutoffs
        )
        squared = (rows["units_mean"] - rows["units"]) ** 2 / rows["squared_scale"]
        errors[method] = squared.groupby(rows["horizon_week"].astype(np.int64)).mean() ** 0.5
    return 1 - errors[ours] / errors[REFERENCE]


def _band(axes: Axes, dataset: Dataset, forecasts: Mapping[date, pd.DataFrame]) -> None:
    cutoff = pd.Timestamp(dataset.cutoffs[-1])
    ahead = forecasts[dataset.cutoffs[-1]]
    largest = ahead.groupby(SERIES)["units_mean"].sum().idxmax()
    product_id, store_id = (str(part) for part in np.asarray(largest, dtype=object))
    chosen = ahead[(ahead["product_id"] == product_id) & (ahead["store_id"] == store_id)]
    chosen = chosen.sort_values("target_on")
    sold = dataset.sales[
        (dataset.sales["product_id"] == product_id)
        & (dataset.sales["store_id"] == store_id)
        & dataset.sales["sold_on"].between(
            cutoff - pd.Timedelta(days=PAST_DAYS), chosen["target_on"].max()
        )
    ].sort_values("sold_on")
    days = chosen["target_on"]
    axes.fill_between(
        days, chosen["units_p025"].astype(float), chosen["units_p975"].astype(float),
        color=BAND, alpha=0.3, linewidth=0, label="95 %",
    )  # fmt: skip
    axes.fill_between(
        days, chosen["units_p10"].astype(float), chosen["units_p90"].astype(float),
        color=BAND, alpha=0.6, linewidth=0, label="80 %",
    )  # fmt: skip
    axes.plot(days, chosen["units_mean"].astype(float), color=INK, label="forecast")
    axes.plot(
        sold["sold_on"], sold["units"], color="black", marker=".", markersize=3, linewidth=0.7,
        label="sold",
    )  # fmt: skip
    origin = pd.DatetimeIndex([cutoff + pd.Timedelta(hours=12)] * 2).to_numpy()
    axes.plot(
        origin, [0, 1], color=QUIET, linewidth=0.8, linestyle=":",
        transform=axes.get_xaxis_transform(),
    )  # fmt: skip
    axes.set(ylabel="units a day", ylim=(0, None))
    axes.set_title(f"{product_id}, store {store_id}", loc="left")
    axes.legend(frameon=False, ncols=4, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)
    ticks = pd.date_range(sold["sold_on"].min(), days.max(), freq="14D")
    axes.set_xticks(ticks.to_numpy(), [f"{tick:%d %b}" for tick in ticks])
