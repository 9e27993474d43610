"""The features once more, by obvious loops over frames: slow, and easy to believe."""

from __future__ import annotations

from collections.abc import Iterable
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
    dense: pd.Series
    revenue: pd.Series
    priced_units: pd.Series

    def last(self, days: int, cutoff: pd.Timestamp) -> pd.Series:
        """Dense days of a window that ends with the cutoff."""
        return self.dense[self.dense.index > cutoff - days * DAY]

    def last_half_year(self, cutoff: pd.Timestamp) -> pd.Series:
        """Dense days of 140 days, or of 364 when the store was closed for all of those."""
        days = self.last(140, cutoff)
        return days if len(days) else self.last(364, cutoff)


def known_series(
    history: History, cutoff: pd.Timestamp, scope: set[tuple[str, str]]
) -> list[Series]:
    """The series in scope as they were known at a cutoff."""
    changes = history.daily_sales_changes
    known = changes[(changes["known_on"] <= cutoff) & (changes["sold_on"] <= cutoff)]
    opened = history.open_days
    opened = opened[(opened["known_on"] <= cutoff) & (opened["known_until"] > cutoff)]
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
        found.append(
            Series(
                product,
                store,
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


def first_known(values: Iterable[float]) -> float:
    """The first that is not NaN, else NaN."""
    return next((value for value in values if not np.isnan(value)), np.nan)


def level_features(series: Series, cutoff: pd.Timestamp) -> dict[str, float]:
    """Features of the series that do not depend on the target day."""
    features: dict[str, float] = {}
    windows = [7, 14, 28, 56, 140, 364]
    for window in windows:
        features[f"f_mean_{window}"] = first_known(
            series.last(longer, cutoff).mean() for longer in windows if longer >= window
        )
    for window in (28, 140, 364):
        features[f"f_sold_share_{window}"] = first_known(
            (series.last(longer, cutoff) > 0).mean()
            for longer in (28, 140, 364)
            if longer >= window
        )
    for window in (28, 140):
        units = series.last(window, cutoff)
        features[f"f_deviation_{window}"] = first_known(
            series.last(longer, cutoff).std(ddof=0) for longer in (28, 140, 364) if longer >= window
        )
        priced = series.priced_units.index.isin(units.index)
        features[f"f_price_{window}"] = (
            series.revenue[priced].sum() / series.priced_units[priced].sum()
        )
    half_year = series.last_half_year(cutoff)
    sales = half_year[half_year > 0]
    features["f_trend"] = features["f_mean_28"] / features["f_mean_140"]
    features["f_price_ratio"] = features["f_price_28"] / features["f_price_140"]
    features["f_sale_interval"] = len(half_year) / len(sales)
    features["f_sale_variation"] = (sales.std(ddof=0) / sales.mean()) ** 2
    sold = series.dense[series.dense > 0].index
    features["f_days_since_last_sale"] = (series.dense.index > sold.max()).sum()
    features["f_age_days"] = (cutoff - sold.min()).days
    features["naive_units"] = series.dense.iloc[-1]
    features["rmsse_scale"] = (series.last(364, cutoff).diff().dropna() ** 2).mean()
    return features


def weekday_features(
    series: Series, cutoff: pd.Timestamp, target: pd.Timestamp
) -> dict[str, float]:
    """Means of the target day's weekday, and the seasonal naive forecast."""
    same = series.dense[series.dense.index.day_of_week == target.day_of_week]
    means = {weeks: same[same.index > cutoff - 7 * weeks * DAY].mean() for weeks in (4, 8, 20)}
    year = series.last(364, cutoff).mean()
    features = {
        f"f_weekday_mean_{weeks}": first_known(
            [*(mean for longer, mean in means.items() if longer >= weeks), year]
        )
        for weeks in means
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
    is_covered = ((plans["known_on"] <= cutoff) & (plans["ends_on"] >= target)).any()
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
    units = series.last_half_year(cutoff)
    shares = pd.Series(
        [planned_share(history, series, cutoff, day, None) for day in units.index], units.index
    )
    return {
        "f_promoted_share_28": first_known(
            [shares[shares.index > cutoff - 28 * DAY].mean(), shares.mean()]
        ),
        "f_promoted_share_140": shares.mean(),
        "f_promoted_mean_140": (units * shares).sum() / shares.sum() if shares.sum() else np.nan,
        "f_unpromoted_mean_140": (units * (1 - shares)).sum() / (1 - shares).sum(),
    }


def known_special_days(history: History, store_id: str, cutoff: pd.Timestamp) -> set[pd.Timestamp]:
    """Holidays, and events with fewer than 4 more days within a week: not part of a period."""
    events = history.calendar_events
    events = events[events["store_id"].isna() | (events["store_id"] == store_id)]
    special = set(history.dim_calendar.loc[history.dim_calendar["is_holiday"], "day_on"])
    for event in events[events["known_on"] <= cutoff].itertuples():
        same = events[
            (events["event_name"] == event.event_name) & (events["known_on"] <= event.known_on)
        ]
        away = (same["day_on"] - event.day_on).abs()
        if ((away > 0 * DAY) & (away <= 7 * DAY)).sum() < 4:
            special.add(event.day_on)
    return special


def known_shares(
    history: History, series: Series, cutoff: pd.Timestamp
) -> dict[pd.Timestamp, float]:
    """Largest share on promotion of each planned day, as `planned_share` has it."""
    plans = history.promotions
    plans = plans[(plans["known_on"] <= cutoff) & (plans["product_id"] == series.product_id)]
    shares: dict[pd.Timestamp, float] = {}
    for plan in plans[
        plans["store_id"].isna() | (plans["store_id"] == series.store_id)
    ].itertuples():
        for day in pd.date_range(plan.starts_on, plan.ends_on):
            shares[day] = max(shares.get(day, 0.0), plan.share)
    return shares


@dataclass(frozen=True)
class Base:
    """What is expected of the series of a product, in logs, and what each day was over that."""

    days: pd.DataFrame
    logs: dict[tuple[str, int, bool], float]
    promoted_shares: dict[tuple[str, int], float]
    special_days: dict[str, set[pd.Timestamp]]


def product_base(history: History, product: list[Series], cutoff: pd.Timestamp) -> Base:
    """Mean logs of a store by weekday and promotion, shrunk by 4 days to store and product."""
    rows = []
    special_days = {
        series.store_id: known_special_days(history, series.store_id, cutoff) for series in product
    }
    for series in product:
        store = series.store_id
        shares = known_shares(history, series, cutoff)
        for day, units in series.dense[series.dense > 0].items():
            is_promoted = shares.get(day, 0.0) >= 0.5
            is_special = day in special_days[store]
            rows.append((store, day, day.isoweekday(), is_promoted, is_special, np.log(units)))
    names = ["store_id", "day", "weekday", "is_promoted", "is_special", "log"]
    days = pd.DataFrame(rows, columns=names)
    year = days[~days["is_special"] & (days["day"] > cutoff - 364 * DAY)]
    over_mean = year["log"] - year.groupby("store_id")["log"].transform("mean")
    effects = over_mean.groupby([year["weekday"], year["is_promoted"]]).mean().to_dict()
    logs, promoted_shares = {}, {}
    for store, own in year.groupby("store_id"):
        own_effects = [effects[key] for key in zip(own["weekday"], own["is_promoted"], strict=True)]
        level = (own["log"] - own_effects).mean()
        for weekday in range(1, 8):
            same = own[own["weekday"] == weekday]
            promoted_shares[store, weekday] = same["is_promoted"].mean()
            for is_promoted in (False, True):
                cell = same.loc[same["is_promoted"] == is_promoted, "log"]
                expected = level + effects.get((weekday, is_promoted), 0.0)
                logs[store, weekday, is_promoted] = (cell.sum() + 4 * expected) / (len(cell) + 4)
    keys = zip(days["store_id"], days["weekday"], days["is_promoted"], strict=True)
    days["residual"] = days["log"] - [logs[key] for key in keys]
    return Base(days, logs, promoted_shares, special_days)


def base_features(
    history: History, series: Series, base: Base, cutoff: pd.Timestamp, target: pd.Timestamp
) -> dict[str, float]:
    """The base of a target day, and how far similar days were from theirs."""
    weekday, store = target.isoweekday(), series.store_id
    ordinary = base.days[~base.days["is_special"]]
    own = ordinary[ordinary["store_id"] == store]
    features = {
        "f_promo_uplift": base.logs[store, weekday, True] - base.logs[store, weekday, False]
    }
    for window in (28, 84):
        product_mean = ordinary.loc[ordinary["day"] > cutoff - window * DAY, "residual"].mean()
        own_mean = own.loc[own["day"] > cutoff - window * DAY, "residual"].mean()
        features[f"f_residual_{window}"] = first_known([own_mean - product_mean, 0.0])
        features[f"f_residual_product_{window}"] = product_mean
    recent = own[own["day"] > cutoff - 84 * DAY]
    for name, rows in {
        "weekday": recent[recent["weekday"] == weekday],
        "promoted": recent[recent["is_promoted"]],
        "unpromoted": recent[~recent["is_promoted"]],
    }.items():
        features[f"f_residual_{name}"] = rows["residual"].sum() / (len(rows) + 2)

    effect = 0.0
    past = base.days[base.days["is_special"] & (base.days["store_id"] == store)]
    features["f_residual_special"] = np.nan
    if target in base.special_days[store] and len(past):
        effect = features["f_residual_special"] = past["residual"].sum() / (len(past) + 0.5)

    year_ago = target - 364 * DAY
    same = own.loc[own["day"] == year_ago, "residual"]
    week = ordinary[(ordinary["day"] - year_ago).abs() <= 3 * DAY]
    product = ordinary.loc[ordinary["day"] == year_ago, "residual"]
    features["f_residual_last_year"] = same.mean()
    features["f_residual_product_last_year_day"] = product.mean() if len(same) else np.nan
    features["f_residual_product_last_year"] = week["residual"].mean() if len(same) else np.nan
    features["f_residual_easter"] = features["f_residual_product_easter"] = np.nan

    plans = plan_features(history, series, cutoff, target)
    promoted, unpromoted = base.logs[store, weekday, True], base.logs[store, weekday, False]
    share = base.promoted_shares[store, weekday]
    log_base = promoted if plans["f_promo_plan_share"] >= 0.5 else unpromoted
    if np.isnan(plans["f_promo_plan_share"]) and not np.isnan(share):
        log_base = share * promoted + (1 - share) * unpromoted
    features["f_base"] = np.exp(log_base + effect)
    return features


def closed_day_features(
    history: History, store_id: str, cutoff: pd.Timestamp, target: pd.Timestamp
) -> dict[str, float]:
    """Days from and to days closed out of the ordinary, by the calendar known at the cutoff."""
    words = history.store_calendar
    chain = words[words["store_id"].isna()].set_index("day_on")
    own = words[words["store_id"] == store_id].set_index("day_on")
    is_open = {**chain["is_open"].to_dict(), **own["is_open"].to_dict()}
    unknown = dict.fromkeys(["f_days_since_closed", "f_days_to_closed"], np.nan)
    if target not in is_open or (words.loc[words["day_on"] <= target, "known_on"] > cutoff).any():
        return unknown
    closed = [
        day
        for day, opens in is_open.items()
        if not opens
        and sum(is_open.get(day - 7 * weeks * DAY, False) for weeks in range(1, 5)) >= 2
    ]
    before = [(target - day).days for day in closed if day < target]
    after = [(day - target).days for day in closed if target < day <= cutoff + HORIZON * DAY]
    return {
        "f_days_since_closed": min(15, *before, 15) if before else np.nan,
        "f_days_to_closed": min(after) if after else np.nan,
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


def slow_frame(
    history: History,
    situations: SlowSituations,
    cutoff: pd.Timestamp,
    scope: set[tuple[str, str]],
    new: set[tuple[str, str]],
) -> pd.DataFrame:
    """The numeric columns of the forecast frame at a cutoff, indexed by series and target day.

    Of series that are new only a week, to save time.
    """
    found = known_series(history, cutoff, scope)
    bases = {
        product: product_base(history, [one for one in found if one.product_id == product], cutoff)
        for product in {one.product_id for one in found}
    }
    rows = []
    for series in found:
        product = [one for one in found if one.product_id == series.product_id]
        constant = {
            **level_features(series, cutoff),
            **promotion_history_features(history, series, cutoff),
        }
        is_new = (series.product_id, series.store_id) in new
        for horizon in range(1, 8 if is_new else HORIZON + 1):
            target = cutoff + horizon * DAY
            rows.append(
                {
                    "product_id": series.product_id,
                    "store_id": series.store_id,
                    "target_on": target,
                    "horizon_days": horizon,
                    **constant,
                    **weekday_features(series, cutoff, target),
                    **last_year_features(series, product, cutoff, target),
                    **plan_features(history, series, cutoff, target),
                    **calendar_features(history, target),
                    **situations.features(series.product_id, series.store_id, cutoff, target),
                    **base_features(history, series, bases[series.product_id], cutoff, target),
                    **closed_day_features(history, series.store_id, cutoff, target),
                }
            )
    return pd.DataFrame(rows).set_index(["product_id", "store_id", "target_on"]).sort_index()
