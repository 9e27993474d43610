"""An invented history as the models before the features would hold it, late knowledge included.

Two stores (`corner` is closed on Sundays) sell five products for 62 weeks. One line in ten gets
known up to six days late, one day of a store in twenty as a whole, one in thirty is taken back as a
whole and half of those are stated again, one line in twenty is corrected
a week later, prices are not always known, or only those of some of a day's lines. A fair comes
every ten weeks, half of them told late; `main` has a market in the first days of each month.

Six weeks before the end a `kiosk` opens, and `cake` is launched, in `main` a week before it comes
to `corner`. A `harbour` and `tea` are listed, but were not sold yet.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import yaml

from dagster_project.settings import DBT_PROJECT, Settings
from dagster_project.warehouse import warehouse

STARTS_ON = pd.Timestamp("2016-10-03")
DAYS = 62 * 7 + 3
SOURCE = "complete_journey"
PRODUCTS = {"milk": "dairy", "bread": "bakery", "cream": "dairy", "salt": None, "FUEL": "garage"}
MEANS = {"milk": 6.0, "bread": 3.0, "cream": 1.2, "salt": 0.05, "FUEL": 9.0}
STORES = ["main", "corner"]
NEW_STORES = ["kiosk", "harbour"]
NEW_PRODUCTS = {"cake": "bakery", "tea": None}
OPENED_ON = pd.Timestamp("2017-11-01")
LISTED_ON = pd.Timestamp("2017-10-20")
ARRIVALS = [
    ("milk", "kiosk", OPENED_ON),
    ("bread", "kiosk", OPENED_ON),
    ("salt", "kiosk", pd.Timestamp("2017-12-09")),
    ("cake", "main", OPENED_ON),
    ("cake", "corner", pd.Timestamp("2017-11-08")),
]
DAY = pd.Timedelta(days=1)
FOREVER = pd.Timestamp("9999-12-31")

TYPES = {
    "daily_sales_changes": "product_id varchar, store_id varchar, source varchar, sold_on date,"
    " known_on date, units_sold decimal(18, 4), units_returned decimal(18, 4),"
    " net_revenue decimal(18, 4), sold_revenue decimal(18, 4), priced_units decimal(18, 4),"
    " lines bigint, priced_lines bigint",
    "open_days": "store_id varchar, day_on date, known_on date, known_until date",
    "promotions": "source varchar, product_id varchar, store_id varchar, promotion_kind varchar,"
    " share double, starts_on date, ends_on date, known_on date",
    "store_calendar": "source varchar, store_id varchar, day_on date, is_open boolean,"
    " known_on date",
    "calendar_events": "source varchar, store_id varchar, day_on date, event_name varchar,"
    " known_on date",
    "stores_declared": "source varchar, store_id varchar, listed_on date",
    "products_declared": "source varchar, product_id varchar, listed_on date",
    "dim_store": "store_id varchar, source varchar, country varchar, region varchar",
    "dim_product": "product_id varchar, product_name varchar, category varchar,"
    " department varchar, is_inferred boolean",
    "dim_calendar": "country varchar, day_on date, is_holiday boolean, days_to_holiday integer,"
    " days_since_holiday integer",
}

# As if each day of knowledge had come in a file of its own, and all promotions in one.
REGISTER = """
create table touched_days as select distinct sold_on as day_on from daily_sales_changes;
create table promotions_decided as select 0::bigint as file_id, known_on from promotions;
create table loads as
select
    epoch(known_on)::bigint as file_id, 'sales_events' as entity, known_on
from (select distinct known_on from daily_sales_changes)
union all
select 0, 'promotions', min(known_on) from promotions;
"""


@dataclass(frozen=True)
class History:
    """What the feature models read, a frame per model."""

    daily_sales_changes: pd.DataFrame
    open_days: pd.DataFrame
    promotions: pd.DataFrame
    store_calendar: pd.DataFrame
    calendar_events: pd.DataFrame
    stores_declared: pd.DataFrame
    products_declared: pd.DataFrame
    dim_store: pd.DataFrame
    dim_product: pd.DataFrame
    dim_calendar: pd.DataFrame


def invent(seed: int = 7) -> History:
    """The history, the same for the same seed."""
    chance = np.random.default_rng(seed)
    days = pd.date_range(STARTS_ON, periods=DAYS)
    opened = [
        {
            "store_id": store,
            "day_on": day,
            "known_on": day + pd.Timedelta(days=3 * int(chance.random() < 0.05)),
            "known_until": FOREVER,
        }
        for store in STORES
        for day in days
        if store == "main" or day.day_of_week != 6
    ]
    taken_back = [entry for entry in opened if chance.random() < 1 / 30]
    for entry in taken_back:
        entry["known_until"] = entry["day_on"] + pd.Timedelta(days=int(chance.integers(8, 40)))
    stated_again = [
        {**entry, "known_on": entry["known_until"] + pd.Timedelta(days=5), "known_until": FOREVER}
        for entry in taken_back[::2]
    ]
    changes: list[dict[str, Any]] = []
    for product, mean in MEANS.items():
        for entry in opened:
            day = entry["day_on"]
            if product == "cream" and day < STARTS_ON + pd.Timedelta(days=30):
                continue
            units = int(chance.poisson(mean * (1.5 if day.day_of_week >= 4 else 1.0)))
            if units == 0:
                continue
            late = int(chance.integers(1, 7)) if chance.random() < 0.1 else 0
            late = max(late, (entry["known_on"] - day).days)
            priced = units if chance.random() < 0.8 else int(chance.integers(0, units + 1))
            changes.append(_change(product, entry["store_id"], day, late, units, priced))
            if entry["known_until"] < FOREVER:
                late = (entry["known_until"] - day).days
                changes.append(_change(product, entry["store_id"], day, late, -units, -priced))
                if entry in taken_back[::2]:
                    late += 5
                    changes.append(_change(product, entry["store_id"], day, late, units, priced))
            elif chance.random() < 0.05:
                taken = int(chance.integers(1, units + 1))
                of_priced = min(priced, taken)
                changes.append(
                    _change(product, entry["store_id"], day, late + 7, -taken, -of_priced)
                )
    last = days[-1]
    changes += _arrivals(chance, last)
    opened += [
        {"store_id": "kiosk", "day_on": day, "known_on": day, "known_until": FOREVER}
        for day in pd.date_range(OPENED_ON, last)
    ]
    known = pd.DataFrame(changes)
    return History(
        daily_sales_changes=known[known["known_on"] <= last].reset_index(drop=True),
        open_days=pd.DataFrame(opened + stated_again),
        promotions=_promotions(chance),
        store_calendar=_store_calendar(last),
        calendar_events=_calendar_events(last),
        stores_declared=pd.DataFrame(
            {"store_id": [*STORES, *NEW_STORES], "listed_on": [STARTS_ON] * 2 + [LISTED_ON] * 2}
        ).assign(source=SOURCE),
        products_declared=pd.DataFrame(
            {
                "product_id": [*PRODUCTS, *NEW_PRODUCTS],
                "listed_on": [STARTS_ON] * len(PRODUCTS) + [LISTED_ON] * 2,
            }
        ).assign(source=SOURCE),
        dim_store=pd.DataFrame(
            {
                "store_id": [*STORES, *NEW_STORES],
                "region": ["north", "south", "north", "south"],
            }
        ).assign(source=SOURCE, country="US"),
        dim_product=pd.DataFrame(
            [
                {
                    "product_id": product,
                    "category": {"cake": "bread"}.get(product, product.lower()),
                    "department": department,
                }
                for product, department in (PRODUCTS | NEW_PRODUCTS).items()
            ]
        ),
        dim_calendar=pd.DataFrame(
            {
                "country": "US",
                "day_on": pd.date_range(STARTS_ON, periods=DAYS + 28),
                "is_holiday": [day % 50 == 0 for day in range(DAYS + 28)],
                "days_to_holiday": [min(30, -day % 50) for day in range(DAYS + 28)],
                "days_since_holiday": [min(30, day % 50) for day in range(DAYS + 28)],
            }
        ),
    )


def _arrivals(chance: np.random.Generator, last: pd.Timestamp) -> list[dict[str, Any]]:
    """What sold in the new store and of the new product."""
    return [
        _change(product, store, day, 0, units, units)
        for product, store, first_on in ARRIVALS
        for day in pd.date_range(first_on, last)
        if (units := int(chance.poisson(4.0))) and (store != "corner" or day.day_of_week != 6)
    ]


def with_garbage_after(history: History, cutoff_on: date) -> History:
    """Replace every row that is sold, planned or known after a cutoff by nonsense."""
    cutoff = pd.Timestamp(cutoff_on)
    changes = history.daily_sales_changes
    later = (changes["known_on"] > cutoff) | (changes["sold_on"] > cutoff)
    nonsense = changes[later].iloc[::2].assign(units_sold=987.0, sold_revenue=1.0)
    backdated = nonsense.assign(
        sold_on=lambda rows: rows["sold_on"] - pd.Timedelta(days=200),
        known_on=lambda rows: rows["known_on"].clip(lower=cutoff + pd.Timedelta(days=1)),
    ).drop_duplicates(["product_id", "store_id", "sold_on", "known_on"])
    opened = history.open_days[history.open_days["known_on"] <= cutoff]
    later_opened = history.open_days[history.open_days["known_on"] > cutoff].iloc[::3]
    taken_back = (opened["known_until"] > cutoff) & (np.arange(len(opened)) % 3 == 0)
    opened = opened.assign(
        known_until=opened["known_until"].mask(taken_back, cutoff + pd.Timedelta(days=1))
    )
    events = history.calendar_events
    invented_events = events[events["known_on"] > cutoff].assign(event_name="never")
    backdated_events = events.assign(
        event_name="fair",
        day_on=events["day_on"] - pd.Timedelta(days=5),
        known_on=cutoff + pd.Timedelta(days=1),
    )
    listed_later = pd.Timestamp(cutoff) + DAY
    plans, calendar, products = history.promotions, history.store_calendar, history.dim_product
    invented_plans = plans[plans["known_on"] > cutoff].assign(share=1.0, store_id=None)
    early_plans = invented_plans.assign(
        starts_on=invented_plans["starts_on"] - pd.Timedelta(days=90)
    )
    return replace(
        history,
        daily_sales_changes=pd.concat(
            [changes[~later], nonsense, backdated, backdated.assign(product_id="later")]
        ),
        open_days=pd.concat([opened, later_opened]),
        promotions=pd.concat([plans[plans["known_on"] <= cutoff], invented_plans, early_plans]),
        store_calendar=calendar[calendar["known_on"] <= cutoff],
        calendar_events=pd.concat(
            [events[events["known_on"] <= cutoff], invented_events, backdated_events]
        ),
        stores_declared=pd.concat(
            [
                history.stores_declared,
                pd.DataFrame([{"source": SOURCE, "store_id": "later", "listed_on": listed_later}]),
            ]
        ),
        products_declared=pd.concat(
            [
                history.products_declared,
                pd.DataFrame(
                    [{"source": SOURCE, "product_id": "later", "listed_on": listed_later}]
                ),
            ]
        ),
        dim_product=pd.concat(
            [
                products.assign(product_name="renamed"),
                pd.DataFrame([{"product_id": "later", "category": "new", "department": "dairy"}]),
            ]
        ),
    )


def build_features(settings: Settings, history: History, *, threads: int = 2) -> None:
    """Write the history into the home's warehouse and run the feature models on it."""
    with warehouse(settings) as connection:
        for item in fields(history):
            rows = pa.Table.from_pandas(getattr(history, item.name), preserve_index=False)
            connection.register("rows", rows)
            connection.execute(f"create table {item.name} ({TYPES[item.name]})")
            connection.execute(f"insert into {item.name} by name select * from rows")
            connection.unregister("rows")
        connection.execute(REGISTER)
    profiles = settings.home / "profiles"
    profiles.mkdir()
    (profiles / "profiles.yml").write_text(_profile(settings, threads))
    target = settings.home / "dbt"
    ran = subprocess.run(
        [
            *(settings.dbt_executable, "--quiet", "run"),
            *("--select", "path:models/features", "improbable_zero_runs"),
            *("--select", "sales_as_known", "declared_sources"),
            *("--project-dir", str(DBT_PROJECT), "--profiles-dir", str(profiles)),
            *("--target-path", str(target), "--threads", str(threads)),
        ],
        env={**os.environ, "MESHCAST_HOME": str(settings.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    results = json.loads((target / "run_results.json").read_text())["results"]
    statuses = {item["unique_id"]: item["status"] for item in results}
    assert set(statuses.values()) == {"success"}, ran.stdout + ran.stderr


def read_frame(settings: Settings, cutoff_on: date) -> pa.Table:
    """The forecast frame at a cutoff, sorted by key."""
    with warehouse(settings, read_only=True) as connection:
        return connection.execute(
            "select * from forecast_frame where cutoff_on = ?"
            " order by product_id, store_id, target_on",
            [cutoff_on],
        ).to_arrow_table()


def _change(
    product: str, store: str, day: pd.Timestamp, late: int, units: int, priced: int
) -> dict[str, Any]:
    """A change of the units of a day, of which `priced` are of lines with an amount."""
    revenue = round(priced * (1.25 + day.day_of_year / 1000), 4) if priced else None
    return {
        "product_id": product,
        "store_id": store,
        "source": SOURCE,
        "sold_on": day,
        "known_on": day + pd.Timedelta(days=late),
        "units_sold": units,
        "units_returned": 0,
        "net_revenue": revenue,
        "sold_revenue": revenue,
        "priced_units": priced,
        "lines": 1 if units > 0 else -1,
        "priced_lines": (priced > 0) - (priced < 0),
    }


def _promotions(chance: np.random.Generator) -> pd.DataFrame:
    """Weekly plans of some products in one or all stores, known none to eight weeks ahead."""
    plans = []
    for start in pd.date_range(STARTS_ON, periods=66, freq="7D"):
        for product in ("milk", "bread", "cream"):
            if chance.random() < 0.3:
                continue
            plans.append(
                {
                    "source": SOURCE,
                    "product_id": product,
                    "store_id": chance.choice([*STORES, ""]) or None,
                    "promotion_kind": chance.choice(["display", "mailer", "coupon"]),
                    "share": round(float(chance.random()), 3),
                    "starts_on": start,
                    "ends_on": start + pd.Timedelta(days=6),
                    "known_on": start - pd.Timedelta(days=int(chance.integers(0, 57))),
                }
            )
    return pd.DataFrame(plans)


def _store_calendar(last: pd.Timestamp) -> pd.DataFrame:
    """The chain opens ten days ahead but on the fifth; `corner` has its own word on two days."""
    chain = [
        {
            "store_id": None,
            "day_on": last + pd.Timedelta(days=ahead),
            "is_open": ahead not in (-11, 5),
        }
        for ahead in range(-40, 11)
    ]
    own = [
        {"store_id": "corner", "day_on": last + pd.Timedelta(days=ahead), "is_open": ahead == 5}
        for ahead in (5, 6)
    ]
    known = last - pd.Timedelta(days=20)
    return pd.DataFrame(chain + own).assign(source=SOURCE, known_on=known)


def _calendar_events(last: pd.Timestamp) -> pd.DataFrame:
    """Fairs of the chain, every other one told but a day before; markets of `main`.

    And a holiday of two weeks, and an event of `corner` that is told long after it.
    """
    days = pd.date_range(STARTS_ON, periods=DAYS + 40)
    fairs = days[5::71]
    told_before = pd.to_timedelta([1 if number % 2 else 60 for number in range(len(fairs))], "D")
    early = STARTS_ON - 40 * DAY
    return pd.concat(
        [
            pd.DataFrame({"day_on": fairs, "event_name": "fair", "known_on": fairs - told_before}),
            pd.DataFrame({"day_on": days[days.day <= 6], "event_name": "market"}).assign(
                store_id="main", known_on=early
            ),
            pd.DataFrame({"day_on": pd.date_range("2017-07-03", periods=14)}).assign(
                event_name="school holiday", known_on=early
            ),
            pd.DataFrame({"day_on": [last - 100 * DAY]}).assign(
                event_name="street party", store_id="corner", known_on=last - 3 * DAY
            ),
        ],
        ignore_index=True,
    ).assign(source=SOURCE)


def _profile(settings: Settings, threads: int) -> str:
    """A profile like the project's own, on a number of threads."""
    return yaml.safe_dump(
        {
            "meshcast": {
                "target": "embedded",
                "outputs": {
                    "embedded": {
                        "type": "duckdb",
                        "path": str(settings.warehouse_file),
                        "threads": threads,
                        "plugins": [{"module": "dagster_project.sql_functions"}],
                        "settings": {"TimeZone": "UTC", "threads": threads},
                    }
                },
            }
        }
    )
