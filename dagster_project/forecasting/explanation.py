"""Why a forecast is what it is: units per group of features, adding up to the published number.

The model is explained where it adds up, on the logarithm of the ratio of units to scale, by the
Shapley values of its groups of features (`shapley`). They become units with the logarithmic mean
(LMDI, Ang 2005): with f the forecast, b what the model expects of a series of this scale before
it looks at anything, and phi the values of the groups, ln f = ln b + sum phi and

    f = b + sum of phi (f - b) / (ln f - ln b)

which leaves no rest that belongs to nobody. Where several members are averaged, so are their parts.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from dagster_project.forecasting.forecast import DECIMALS, ForecastModel
from dagster_project.forecasting.frames import KEYS, FrameError, is_closed
from dagster_project.forecasting.inputs import input_columns, series_scale
from dagster_project.forecasting.metrics import Numbers
from dagster_project.forecasting.model import input_matrix
from dagster_project.forecasting.shapley import shapley_values
from dagster_project.forecasting.trees import members_of, trees_of

GROUPS = ("level", "season", "trend", "calendar", "promotion", "price", "store", "product")

GROUP_OF_PREFIX = {
    # what the series sold lately, and how regularly
    "scale": "level",
    "f_mean_": "level",
    "f_sold_share_": "level",
    "f_deviation_": "level",
    "f_sale_": "level",
    "f_days_since_last_sale": "level",
    "f_age_days": "level",
    "f_base": "level",
    "f_residual_": "level",
    # what it sold on such days: of the week, of the year
    "f_weekday_mean_": "season",
    "f_last_year_": "season",
    "f_season_": "season",
    "f_day_season_": "season",
    "f_residual_weekday": "season",
    "f_residual_last_year": "season",
    "f_residual_product_last_year": "season",
    # where it is going, and how far
    "f_trend": "trend",
    "horizon_days": "trend",
    # what day it is
    "f_weekday": "calendar",
    "f_day_of_month": "calendar",
    "f_month": "calendar",
    "f_week_of_year": "calendar",
    "f_is_holiday": "calendar",
    "f_days_to_holiday": "calendar",
    "f_days_since_holiday": "calendar",
    "f_event_": "calendar",
    "f_frequent_": "calendar",
    "f_days_since_closed": "calendar",
    "f_days_to_closed": "calendar",
    "f_residual_special": "calendar",
    "f_residual_easter": "calendar",
    "f_residual_product_easter": "calendar",
    "f_promo": "promotion",
    "f_unpromoted_": "promotion",
    "f_residual_promoted": "promotion",
    "f_residual_unpromoted": "promotion",
    "f_price_": "price",
    "store_id": "store",
    "product_id": "product",
    "category": "product",
    "f_residual_product_": "product",
}
"""The group of every input of a model; of several prefixes that fit, the longest counts."""

MODEL, BASELINE, CLOSED = "model", "baseline", "closed"
COLUMNS = ["units_base", *(f"units_{group}" for group in GROUPS)]


def group_of(name: str) -> str:
    """The group that an input of a model belongs to.

    Raises:
        FrameError: no prefix in GROUP_OF_PREFIX fits.
    """
    fitting = [prefix for prefix in GROUP_OF_PREFIX if name.startswith(prefix)]
    if not fitting:
        raise FrameError(
            f"explanation: expected a group for the model's input {name}, found none in "
            "GROUP_OF_PREFIX. Name the feature's group in forecasting/explanation.py."
        )
    return GROUP_OF_PREFIX[max(fitting, key=len)]


def explain(model: ForecastModel, frame: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Say for each row of a forecast how many units come from which group of features.

    Args:
        model: what the forecast was made with.
        frame: the forecast frame that it was made from.
        published: what `forecast` gave: KEYS, horizon_days, units_mean, is_fallback, sorted.

    Returns:
        KEYS, horizon_days, units_mean, COLUMNS and explained_by, sorted by KEYS. COLUMNS have four
        decimals and add up to units_mean exactly. `explained_by` is "model"; "baseline" where a
        rung below it was published, all of it in units_level; or "closed", where all are 0.

    Raises:
        FrameError: an input of the model has no group.
    """
    rows = frame.sort_values(KEYS, ignore_index=True)
    closed = is_closed(rows)
    fallback = published["is_fallback"].to_numpy(dtype=np.bool_)
    by = np.where(closed, CLOSED, np.where(fallback, BASELINE, MODEL))
    units = published["units_mean"].to_numpy(dtype=np.float64)
    parts = np.zeros((len(rows), len(COLUMNS)))
    parts[by == BASELINE, COLUMNS.index("units_level")] = units[by == BASELINE]
    explained = by == MODEL
    if explained.any():
        parts[explained] = rounded(explain_units(model, rows[explained]), units[explained])
    return published[[*KEYS, "horizon_days", "units_mean"]].assign(
        **{name: parts[:, position] for position, name in enumerate(COLUMNS)}, explained_by=by
    )


def explain_units(model: ForecastModel, rows: pd.DataFrame) -> Numbers:
    """Base and contributions of GROUPS in units per day, shape (rows, 1 + groups), not rounded."""
    demand = model.demand
    members = members_of(demand.pipeline["regressor"])
    inputs, scale = input_matrix(demand, rows), series_scale(rows, demand.parameters)
    player_of = np.array([GROUPS.index(group_of(name)) for name in input_columns(demand.features)])
    parts = np.zeros((len(rows), len(COLUMNS)))
    for member in members:
        expected, values = shapley_values(trees_of(member), inputs, player_of, len(GROUPS))
        base = np.exp(expected) * scale
        in_units = values * logarithmic_mean(base, values.sum(axis=1))[:, None]
        parts += np.column_stack([base, in_units]) / len(members)
    return parts


def logarithmic_mean(base: Numbers, log_ratio: Numbers) -> Numbers:
    """The logarithmic mean (f - b) / (ln f - ln b) of b = `base` and f = b exp(`log_ratio`)."""
    ratio = np.ones_like(base)
    np.divide(np.expm1(log_ratio), log_ratio, out=ratio, where=log_ratio != 0)
    return base * ratio


def rounded(parts: Numbers, units: Numbers) -> Numbers:
    """Parts with four decimals that add up to the units; the largest contribution takes the rest.

    Args:
        parts: base and contributions, shape (rows, 1 + groups).
        units: published units with four decimals, shape (rows,).
    """
    steps = 10.0**DECIMALS
    whole = np.rint(parts * steps)
    rest = np.rint(units * steps) - whole.sum(axis=1)
    largest = 1 + np.abs(parts[:, 1:]).argmax(axis=1)
    whole[np.arange(len(whole)), largest] += rest
    return whole / steps
