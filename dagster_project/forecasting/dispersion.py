"""How much wider than others the errors of a product, of a store and of a kind of day are.

Pooled quantiles (`intervals`) suit the mean of what is pooled: a product that is harder to forecast
than others of its size is covered less. So the ratio y / f is taken to a power 1 / d before it is
pooled, and its quantiles to the power d: on the logarithm of the ratio a local scale as in the
weighted conformal scores of Lei et al. (2018), here a product of group factors. A day without a
sale stays at 0 whatever the power, so its share among the paths does not move.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dagster_project.forecasting.metrics import Numbers

GROUPS = ("product_id", "store_id", "day_kind")
PRIOR_ERRORS = 50
"""Errors of the usual size that a group starts with, so that few errors change little."""
SPECIAL = ("holiday", "event")
"""Special days are few: the factor of each kind is at least that of all of them together."""
LIMITS = (0.5, 2.0)
"""Least and greatest factor of a row."""


@dataclass(frozen=True)
class Dispersion:
    """Factors of the groups that have past errors; all others have 1.

    Attributes:
        factors: for each of GROUPS, value (as text) -> mean size of its errors, 1 is usual.
    """

    factors: dict[str, dict[str, float]]

    def of(self, rows: pd.DataFrame) -> Numbers:
        """The factor of each row, the product over its groups within LIMITS, shape (rows,)."""
        found = np.ones(len(rows))
        for name, factors in self.factors.items():
            found *= _text(rows[name]).map(factors).fillna(1.0).to_numpy(dtype=np.float64)
        return np.clip(found, *LIMITS)


def fit_dispersion(rows: pd.DataFrame, sizes: Numbers) -> Dispersion:
    """Learn the factors, one kind of group after the other.

    Args:
        rows: the columns GROUPS.
        sizes: absolute error of each row over the usual one of forecasts like it, shape (rows,);
            null is skipped.
    """
    known = ~np.isnan(sizes)
    rows, sizes = rows[known], sizes[known]
    factors: dict[str, dict[str, float]] = {}
    for name in GROUPS:
        values = _text(rows[name])
        sums = pd.Series(sizes, index=rows.index).groupby(values.to_numpy()).agg(["sum", "size"])
        means = (sums["sum"] + PRIOR_ERRORS) / (sums["size"] + PRIOR_ERRORS)
        factors[name] = {str(value): float(mean) for value, mean in means.items()}
        if name == "day_kind":
            special = sums[sums.index.isin(SPECIAL)].sum()
            pooled = (special["sum"] + PRIOR_ERRORS) / (special["size"] + PRIOR_ERRORS)
            for kind in SPECIAL:
                factors[name][kind] = max(factors[name].get(kind, 0.0), float(pooled))
        sizes = sizes / values.map(factors[name]).to_numpy(dtype=np.float64)
    return Dispersion(factors)


def _text(values: pd.Series) -> pd.Series:
    return values.astype(object).where(values.notna(), "").astype(str)
