"""Which rung of the ladder serves a series best, judged on origins before the reported ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from dagster_project.forecasting.frames import SERIES
from dagster_project.forecasting.rungs import MODEL, RUNGS, units_column

Fallbacks = dict[tuple[str, str], str]
"""(product_id, store_id) -> the rung below the model that is published."""


@dataclass(frozen=True)
class FallbackRule:
    """When a series falls back to a simpler method.

    Attributes:
        margin: share by which the rung's squared error must be lower than the model's. The best of
            three wins by luck now and then: when it was chosen, the demo's backtest had an RMSSE
            of 0.6544 at 0.1 (75 series at the first reported origin, 25 at the last), 0.6540 at
            0.2 (25 and 9), 0.6537 at 0.3 (14 and 5) and without fallbacks.
        min_observations: fewest days with a known actual on which to judge.
    """

    margin: float = 0.2
    min_observations: int = 42


def choose_fallbacks(past: pd.DataFrame, rule: FallbackRule) -> Fallbacks:
    """Name the series that a simpler rung serves better by the margin, with the best such rung.

    Args:
        past: rows of earlier origins with `target_on`, `units` and the units of each rung;
            null units are skipped.
        rule: margin and least number of days.

    Returns:
        Sorted by series; of rungs that are equally good the simplest.
    """
    known = past[past["units"].notna()]
    errors = pd.DataFrame(
        {
            **{name: known[name] for name in SERIES},
            **{rung: (known["units"] - known[units_column(rung)]) ** 2 for rung in RUNGS},
        }
    )
    means = errors.groupby(SERIES, observed=True).mean()
    simpler = means.drop(columns=MODEL)
    better = simpler.min(axis=1) < (1 - rule.margin) * means[MODEL]
    chosen = simpler[better & (_days(known) >= rule.min_observations)]
    products, stores = (chosen.index.get_level_values(level).astype(str) for level in (0, 1))
    best = [RUNGS[position] for position in chosen.to_numpy().argmin(axis=1)]
    return dict(sorted(zip(zip(products, stores, strict=True), best, strict=True)))


def _days(known: pd.DataFrame) -> pd.Series:
    """Number of target days of each series; several origins may have forecast the same one."""
    once = known.drop_duplicates([*SERIES, "target_on"])
    return once.groupby(SERIES, observed=True).size()


def methods_of(frame: pd.DataFrame, fallbacks: Fallbacks) -> npt.NDArray[np.object_]:
    """The rung that is published on each row: the model, unless its series falls back."""
    if not fallbacks:
        return np.full(len(frame), MODEL, dtype=object)
    rows = pd.MultiIndex.from_arrays([frame[name].astype(object) for name in SERIES])
    position = pd.MultiIndex.from_tuples(list(fallbacks)).get_indexer(rows)
    # position -1 is no fallback: the last of the rungs below
    return np.array([*fallbacks.values(), MODEL], dtype=object)[position]
