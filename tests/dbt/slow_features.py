"""The features once more, by obvious loops over frames: slow, and easy to believe."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tests.dbt.invented_history import History
from tests.dbt.slow_situations import SlowSituations

DAY = pd.Timedelta(days=1)
HORIZON = 28


@dataclass(frozen=True)
class Series:
    """One series as known at a cutoff: units per open day since its first sale, oldest first."""

    product_id: str
    store_id: str
    department: str
    dense: pd.Series
    revenue: pd.Series
    priced_units: pd.Series

    def last(self, days: int, cutoff: pd.Timestamp) -> pd.Series:
        """Dense days of a window that ends with the cutoff."""
        return self.dense[self.dense.index > cutoff - days * DAY]


def known_series(
    history: History, cutoff: pd.Timestamp, scope: set[tuple[str, str]]
) -> list[Series]:
    """The series in scope as they were known at a cutoff."""
    changes = history.daily_sales_changes
    known = changes[(changes["known_on"] <= cutoff) & (changes["sold_on"] <= cutoff)]
    opened = history.open_days
    opened = opened[(opened["known_on"] <= cutoff) & (opened["known_until"] > cutoff)]
    departments = history.dim_product.set_index("product_id")["department"]
    found = []
    for (product, store), rows in known.groupby(["product_id", "store_id"]):
        if (product, store) not in scope:
            continue
        units = rows.groupby("sold_on")["units_sold"].sum()
        priced_units = rows.groupby("sold_on")["priced_units"].sum()
        revenue = rows.groupby("sold_on")["sold_revenue"].sum()
        days = pd.DatetimeIndex(sorted(opened.loc[opened["store_id"] == store, "day_on"]))
        first_sold_on = units[units > 0].index.min()
        dense = units.reindex(days[days >= first_sold_on], fill_value=0)
        department = departments.get(product)
        found.append(
            Series(
                product,
                store,
                department if isinstance(department, str) else "unknown",
                dense.astype(float),
                revenue[units > 0].astype(float),
                priced_units[units > 0].astype(float),
            )
        )
    return found


def sold_weeks(history: History, cutoff: pd.Timestamp) -> pd.Series:
    """Weeks, ending on a Sunday and over at the cutoff, in which each series was sold."""
    changes = history.daily_sales_changes
    known = changes[(changes["known_on"] <= cutoff) & (changes["sold_on"] <= cutoff)]
    units = known.groupby(["product_id", "store_id", "sold_on"])["units_sold"].sum()
    sold = units[units > 0].reset_index()
    sold["week"] = sold["sold_on"].dt.to_period("W-SUN")
    over = sold[sold["week"].dt.end_time.dt.normalize() <= cutoff]
    return over.groupby(["product_id", "store_id"])["week"].nunique()


def level_features(series: Series, cutoff: pd.Timestamp) -> dict[str, float]:
    """Features of the series that do not depend on the target day."""
    features: dict[str, float] = {}
    for window in (7, 14, 28, 56, 140, 364):
        features[f"f_mean_{window}"] = series.last(window, cutoff).mean()
    for window in (28, 140, 364):
        features[f"f_sold_share_{window}"] = (series.last(window, cutoff) > 0).mean()
    for window in (28, 140):
        units = series.last(window, cutoff)
        features[f"f_deviation_{window}"] = units.std(ddof=0)
        priced = series.priced_units.index.isin(units.index)
        features[f"f_price_{window}"] = (
            series.revenue[priced].sum() / series.priced_units[priced].sum()
        )
    half_year = series.last(140, cutoff)
    sales = half_year[half_year > 0]
    features["f_trend"] = features["f_mean_28"] / features["f_mean_140"]
    features["f_price_ratio"] = features["f_price_28"] / features["f_price_140"]
    features["f_sale_interval"] = len(half_year) / len(sales)
    features["f_sale_variation"] = (sales.std(ddof=0) / sales.mean()) ** 2
    sold = series.dense[series.dense > 0].index
    features["f_days_since_last_sale"] = (cutoff - sold.max()).days
    features["f_age_days"] = (cutoff - sold.min()).days
    features["naive_units"] = series.dense.iloc[-1]
    features["rmsse_scale"] = (series.last(364, cutoff).diff().dropna() ** 2).mean()
    return features


def group_features(
    group: list[Series], cutoff: pd.Timestamp, name: str, weekday: int | None = None
) -> dict[str, float]:
    """Level, trend and, if a weekday is given, its shape over some series together."""
    mean_28, mean_140 = (
        np.concatenate([series.last(window, cutoff) for series in group]).mean()
        for window in (28, 140)
    )
    features = {f"f_{name}_mean_28": mean_28, f"f_{name}_trend": mean_28 / mean_140}
    if weekday is not None:
        windows = [series.last(140, cutoff) for series in group]
        same = np.concatenate([days[days.index.day_of_week == weekday] for days in windows])
        features[f"f_{name}_weekday"] = same.mean() / mean_140 if len(same) else np.nan
    return features


def weekday_features(
    series: Series, cutoff: pd.Timestamp, target: pd.Timestamp
) -> dict[str, float]:
    """Means of the target day's weekday, and the seasonal naive forecast."""
    same = series.dense[series.dense.index.day_of_week == target.day_of_week]
    features = {
        f"f_weekday_mean_{weeks}": same[same.index > cutoff - 7 * weeks * DAY].mean()
        for weeks in (4, 8, 20)
    }
    features["baseline_units"] = same.iloc[-1] if len(same) else 0.0
    return features


def last_year_features(
    series: Series, products: list[Series], cutoff: pd.Timestamp, target: pd.Timestamp
) -> dict[str, float]:
    """The week around the same weekday a year ago, and how the product changed towards it then."""

    def days_of(one: Series, first: pd.Timestamp, last: pd.Timestamp) -> pd.Series:
        return one.dense[first:last] if one.dense.index[0] <= first else one.dense.iloc[:0]

    week = target - 367 * DAY, target - 361 * DAY
    weeks = cutoff - 391 * DAY, cutoff - 364 * DAY
    own = days_of(series, *week)
    then = np.concatenate([days_of(one, *week) for one in products])
    before = np.concatenate([days_of(one, *weeks) for one in products])
    has_change = len(own) and len(before)
    return {
        "f_last_year_mean": own.mean() if len(own) else np.nan,
        "f_last_year_product_change": then.mean() / before.mean() if has_change else np.nan,
    }


def planned_share(
    history: History, series: Series, cutoff: pd.Timestamp, day: pd.Timestamp, kind: str | None
) -> float:
    """Largest share on promotion on a day, by plans known at the cutoff."""
    plans = history.promotions
    planned = plans[
        (plans["known_on"] <= cutoff)
        & (plans["starts_on"] <= day)
        & (plans["ends_on"] >= day)
        & (plans["product_id"] == series.product_id)
        & (plans["store_id"].isna() | (plans["store_id"] == series.store_id))
        & ((plans["promotion_kind"] == kind) | (kind is None))
    ]
    return float(planned["share"].max()) if len(planned) else 0.0


def plan_features(
    history: History, series: Series, cutoff: pd.Timestamp, target: pd.Timestamp
) -> dict[str, float]:
    """Planned promotions of the target day; unknown where no plan covers it."""
    plans = history.promotions
    is_covered = (
        (plans["known_on"] <= cutoff)
        & (plans["starts_on"] <= target)
        & (plans["ends_on"] >= target)
    ).any()
    kinds = {"share": None, "display": "display", "mailer": "mailer"}
    return {
        f"f_promo_plan_{name}": planned_share(history, series, cutoff, target, kind)
        if is_covered
        else np.nan
        for name, kind in kinds.items()
    }


def promotion_history_features(
    history: History, series: Series, cutoff: pd.Timestamp
) -> dict[str, float]:
    """Shares on promotion, and means weighted with them and with the rest."""
    units = series.last(140, cutoff)
    shares = pd.Series(
        [planned_share(history, series, cutoff, day, None) for day in units.index], units.index
    )
    return {
        "f_promoted_share_28": shares[shares.index > cutoff - 28 * DAY].mean(),
        "f_promoted_share_140": shares.mean(),
        "f_promoted_mean_140": (units * shares).sum() / shares.sum() if shares.sum() else np.nan,
        "f_unpromoted_mean_140": (units * (1 - shares)).sum() / (1 - shares).sum(),
    }


def calendar_features(history: History, target: pd.Timestamp) -> dict[str, float]:
    """Calendar of the target day."""
    day = history.dim_calendar.set_index("day_on").loc[target]
    return {
        "f_weekday": target.isoweekday(),
        "f_day_of_month": target.day,
        "f_month": target.month,
        "f_week_of_year": target.isocalendar().week,
        "f_is_holiday": int(day["is_holiday"]),
        "f_days_to_holiday": day["days_to_holiday"],
        "f_days_since_holiday": day["days_since_holiday"],
    }


def slow_frame(history: History, cutoff: pd.Timestamp, scope: set[tuple[str, str]]) -> pd.DataFrame:
    """The numeric columns of the forecast frame at a cutoff, indexed by series and target day."""
    found = known_series(history, cutoff, scope)
    situations = SlowSituations(history, HORIZON)
    rows = []
    for series in found:
        product = [one for one in found if one.product_id == series.product_id]
        store = [one for one in found if one.store_id == series.store_id]
        department = [one for one in store if one.department == series.department]
        constant = {
            **level_features(series, cutoff),
            **promotion_history_features(history, series, cutoff),
            **group_features(department, cutoff, "department"),
        }
        for horizon in range(1, HORIZON + 1):
            target = cutoff + horizon * DAY
            rows.append(
                {
                    "product_id": series.product_id,
                    "store_id": series.store_id,
                    "target_on": target,
                    "horizon_days": horizon,
                    **constant,
                    **group_features(product, cutoff, "product", target.day_of_week),
                    **group_features(store, cutoff, "store", target.day_of_week),
                    **weekday_features(series, cutoff, target),
                    **last_year_features(series, product, cutoff, target),
                    **plan_features(history, series, cutoff, target),
                    **calendar_features(history, target),
                    **situations.features(series.product_id, series.store_id, cutoff, target),
                }
            )
    return pd.DataFrame(rows).set_index(["product_id", "store_id", "target_on"]).sort_index()
