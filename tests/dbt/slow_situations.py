"""Ratios to the usual, situations and seasons once more, by loops over days."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from dagster_project.sql_functions import public_holiday
from tests.dbt.invented_history import History

DAY = pd.Timedelta(days=1)
SETTLED = 28
EXCLUDED = "FUEL"
LEVELS = {
    "series": ["event", "frequent", "month_day"],
    "product_region": ["event", "frequent", "month_day"],
    "store": ["event"],
    "product": ["event", "month_day"],
    "source": ["event"],
}
DAY_SEASONS = ["product_region", "product", "source"]

Situation = tuple[str | None, int | None, str]


class SlowSituations:
    """What the days like a target day did, from an invented history."""

    def __init__(self, history: History, horizon: int) -> None:
        """Settle the units of every product, store and day: as known 28 days after."""
        self.horizon = horizon
        self.stores = dict(
            zip(history.dim_store["store_id"], history.dim_store["region"], strict=True)
        )
        changes = history.daily_sales_changes
        self.last = changes["known_on"].max() - SETTLED * DAY
        changes = changes[
            (changes["product_id"] != EXCLUDED)
            & (changes["known_on"] <= changes["sold_on"] + SETTLED * DAY)
            & (changes["sold_on"] <= self.last)
        ]
        units = changes.groupby(["product_id", "store_id", "sold_on"])["units_sold"].sum()
        units = units[units > 0].astype(float)
        opened = history.open_days
        settled = opened["day_on"] + SETTLED * DAY
        opened = opened[(opened["known_on"] <= settled) & (opened["known_until"] > settled)]
        is_open = set(zip(opened["store_id"], opened["day_on"], strict=True))
        self.units = units[[key[1:] in is_open for key in units.index]]
        self.open_days = {(store, day) for _, store, day in self.units.index}
        days = pd.date_range(changes["sold_on"].min() - 7 * DAY, self.last + 100 * DAY)
        holidays = pd.DataFrame(
            {"day_on": days, "event_name": [public_holiday("US", day.date()) for day in days]}
        )
        holidays = holidays.dropna(subset="event_name").assign(is_holiday=True)
        self.events = pd.concat([history.calendar_events.assign(is_holiday=False), holidays])
        self.events["known_on"] = self.events["known_on"].fillna(pd.Timestamp("1900-01-01"))
        # by loops, but each of them once
        self.situation = cache(self._situation)
        self.store_situation = cache(self._store_situation)
        self.told = cache(self._told)
        self.level_days = cache(self._level_days)
        self.ratio = cache(self._ratio)

    def features(
        self, product: str, store: str, cutoff: pd.Timestamp, target: pd.Timestamp
    ) -> dict[str, float]:
        """The features of the situation and the season of one series and target day."""
        region = self.stores[store]
        members = {
            "series": (product, (store,)),
            "product_region": (product, self.stores_of(region)),
            "store": (None, (store,)),
            "product": (product, tuple(self.stores)),
            "source": (None, tuple(self.stores)),
        }
        found = {"f_event_offset": self.situation((store,), target, -self.horizon)[1]}
        for level, situations in LEVELS.items():
            days = self.level_days(*members[level])
            for kind in situations:
                found[f"f_{kind}_{level}"] = self.ratio(*members[level], kind, target)
            found[f"f_season_{level}"] = season(days["week"], days["month"], cutoff, target)
            if level in DAY_SEASONS:
                found[f"f_day_season_{level}"] = season(
                    days["units"], days["month"], cutoff, target
                )
        return found

    def stores_of(self, region: str) -> tuple[str, ...]:
        """Stores of a region."""
        return tuple(store for store, its in self.stores.items() if its == region)

    def _ratio(
        self, product: str | None, stores: tuple[str, ...], kind: str, target: pd.Timestamp
    ) -> float:
        """Units over usual units of the settled days in the same situation as the target day."""
        wanted = key(kind, self.situation(stores, target, -self.horizon), target)
        if wanted is None:
            return np.nan
        settled = self.level_days(product, stores)[: target - (2 * SETTLED + self.horizon) * DAY]
        units = usual = 0.0
        for day, its_units, its_usual in settled[["units", "usual"]].itertuples(name=None):
            then = self.situation(stores, day, SETTLED)
            left_out = kind != "event" and near_event(then)
            if not np.isnan(its_usual) and not left_out and key(kind, then, day) == wanted:
                units += its_units
                usual += its_usual
        return units / usual if usual else np.nan

    def _level_days(self, product: str | None, stores: tuple[str, ...]) -> pd.DataFrame:
        """Units, usual units, and means of the week around and the four weeks up to each day."""
        rows = self.units.reset_index()
        rows = rows[rows["store_id"].isin(stores)]
        if product is not None:
            rows = rows[rows["product_id"] == product]
        sold = rows.groupby("sold_on")["units_sold"].sum()
        days = pd.date_range(sold.index.min(), self.last)
        units = sold.reindex(days, fill_value=0.0)
        is_open = [any((store, day) in self.open_days for store in stores) for day in days]
        units = units.where(is_open)
        plain = units.where([not near_event(self.situation(stores, day, SETTLED)) for day in days])
        usual = {}
        for day in days:
            around = [day + 7 * week * DAY for week in (-4, -3, -2, -1, 1, 2, 3, 4)]
            same = plain.reindex(around).dropna()
            is_usual = len(same) >= 3 and same.mean() > 0 and not np.isnan(units[day])
            usual[day] = same.mean() if is_usual else np.nan
        return pd.DataFrame(
            {
                "units": units,
                "usual": pd.Series(usual),
                "week": pd.Series(
                    {day: units[day - 3 * DAY : day + 3 * DAY].mean() for day in days}
                ),
                "month": pd.Series({day: units[day - 27 * DAY : day].mean() for day in days}),
            }
        )

    def _situation(self, stores: tuple[str, ...], day: pd.Timestamp, after: int) -> Situation:
        """The situation of most of the stores, as known some days after a day."""
        found = [self.store_situation(store, day, after) for store in stores]

        def order(one: Situation) -> tuple[object, ...]:
            name, offset, frequent = one
            return (-found.count(one), name is None, name or "", offset or 0, frequent)

        return min(found, key=order)

    def _store_situation(self, store: str, day: pd.Timestamp, after: int) -> Situation:
        rare: list[tuple[int, int, bool, str]] = []
        frequent = set()
        for row, is_frequent in self.told(store, after):
            offset = (day - row.day_on).days
            if abs(offset) > 7 or row.known_on > day + after * DAY:
                continue
            if is_frequent:
                if offset == 0:
                    frequent.add(row.event_name)
            elif row.is_holiday or abs(offset) <= 3:
                rare.append((abs(offset), offset, not row.is_holiday, row.event_name))
        names = ", ".join(sorted(frequent))
        if not rare:
            return None, None, names
        _, offset, _, name = min(rare)
        return name, offset, names

    def _told(self, store: str, after: int) -> list[tuple[Any, bool]]:
        """Events of a store told up to some days after them, and whether each is frequent."""
        events = self.events
        own = events[events["store_id"].isna() | (events["store_id"] == store)]
        told = own[own["known_on"] <= own["day_on"] + after * DAY]
        found = []
        for row in told.itertuples():
            same = told[
                (told["event_name"] == row.event_name) & (told["is_holiday"] == row.is_holiday)
            ]
            ago = (row.day_on - same["day_on"]).dt.days
            found.append((row, bool(ago.between(1, 364).sum() > 30)))
        return found


def near_event(situation: Situation) -> bool:
    """Whether a rare event is on the day or beside it."""
    return situation[1] is not None and abs(situation[1]) <= 1


def key(kind: str, situation: Situation, day: pd.Timestamp) -> object:
    """What two days must share to be in the same situation; None: they are in none."""
    name, offset, frequent = situation
    if kind == "event":
        return None if name is None else (name, offset)
    if kind == "frequent":
        return frequent, day.day_of_week >= 5
    return day.day


def season(
    period: pd.Series, month: pd.Series, cutoff: pd.Timestamp, target: pd.Timestamp
) -> float:
    """Mean over one to three years of a period around the target day over the month before."""
    changes = []
    for year in (1, 2, 3):
        then = period.get(target - 364 * year * DAY, np.nan)
        before = month.get(cutoff - 364 * year * DAY, np.nan)
        if not np.isnan(then) and not np.isnan(before) and before > 0:
            changes.append(then / before)
    return float(np.mean(changes)) if changes else np.nan
