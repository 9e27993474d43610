"""Both shipped sources in one deployment: a grocery chain in the US, a mail order shop in Britain.

They end on different days, and the newest file of all, the shop's, holds lines of an old day only.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import duckdb
import pytest

from dagster_project.assets.dbt import dbt_build
from dagster_project.demo import write_landing
from dagster_project.landing import register_landed
from dagster_project.settings import Settings
from dagster_project.warehouse import warehouse
from tests.invented import (
    CATEGORIES,
    FIRST_DAY,
    RETAIL_COUNTRIES,
    RETAIL_PRODUCTS,
    STORES,
    write_complete_journey,
    write_online_retail,
)

CHAIN_DAYS = 75
SHOP_DAYS = 80
CHAIN_ENDS_ON = FIRST_DAY + timedelta(days=CHAIN_DAYS - 1)
SHOP_ENDS_ON = FIRST_DAY + timedelta(days=SHOP_DAYS - 1)
CUTOFF_ON = SHOP_ENDS_ON + timedelta(days=3)
HORIZON_DAYS = 28
GOOD_FRIDAY = date(2017, 4, 14)

Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Both sources, built from landed files to the ports, with every test of the data."""
    settings = Settings(
        home=tmp_path_factory.mktemp("home"),
        today=CUTOFF_ON + timedelta(days=1),
        sources=("complete_journey", "online_retail"),
    )
    source_data = write_complete_journey(
        tmp_path_factory.mktemp("source_data"), days=CHAIN_DAYS + 1
    )
    write_landing(settings.landing, source_data, until=CHAIN_ENDS_ON)
    files = write_online_retail(
        settings.landing / "online_retail" / "sales_events", first_day=FIRST_DAY, days=SHOP_DAYS
    )
    late = files[-10].read_text().replace("\n5", "\n7")  # other invoices of that day
    files[-1].with_name(f"{CUTOFF_ON}.csv").write_text(late)
    with warehouse(settings) as connection:
        register_landed(settings, connection)
    dbt_build(settings)
    return settings


def rows(settings: Settings, query: str) -> Rows:
    with duckdb.connect(str(settings.warehouse_file), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_the_events_of_both_sources_come_together(built: Settings) -> None:
    counted = "select source, count(*), max(known_on) from {} group by 1 order by 1"
    events = rows(built, counted.format("sales_events_v1"))
    assert events == rows(built, counted.format("sales_events_accepted"))
    assert [(source, known_on) for source, _, known_on in events] == [
        ("complete_journey", CHAIN_ENDS_ON),
        ("online_retail", CUTOFF_ON),
    ]
    assert all(lines > 1000 for _, lines, _ in events)


def test_daily_sales_are_those_of_both_sources(built: Settings) -> None:
    stores = rows(built, "select distinct store_id from daily_sales_v1")
    assert {store for (store,) in stores} == {*map(str, STORES), *RETAIL_COUNTRIES}
    marked = rows(built, "select distinct store_id from daily_sales_v1 where is_promoted")
    assert {store for (store,) in marked} == set(map(str, STORES))


def test_every_series_of_both_sources_has_features_of_every_target_day(built: Settings) -> None:
    assert rows(built, "select cutoff_on from forecast_origins where is_latest") == [(CUTOFF_ON,)]
    series = rows(
        built,
        "select source, count(*) from forecast_series"
        f" where is_in_scope and cutoff_on = '{CUTOFF_ON}' group by 1 order by 1",
    )
    assert series == [
        ("complete_journey", len(CATEGORIES) * len(STORES)),
        ("online_retail", len(RETAIL_PRODUCTS) * len(RETAIL_COUNTRIES)),
    ]
    frame = rows(
        built,
        "select source, count(*), count(f_mean_56), count(f_price_28), count(f_trend),"
        " count(f_weekday), count(f_is_holiday), count(f_days_to_holiday), max(target_on)"
        f" from forecast_frame where cutoff_on = '{CUTOFF_ON}' group by 1 order by 1",
    )
    last_target_on = CUTOFF_ON + timedelta(days=HORIZON_DAYS)
    for (source, number), found in zip(series, frame, strict=True):
        assert found == (source, *[number * HORIZON_DAYS] * 7, last_target_on)


def test_a_holiday_is_one_of_the_country_of_the_source(built: Settings) -> None:
    assert rows(
        built,
        "select distinct source, f_is_holiday, f_days_to_holiday from forecast_frame"
        f" where target_on = '{GOOD_FRIDAY}' and cutoff_on = '{CUTOFF_ON}' order by 1",
    ) == [("complete_journey", 0, 30), ("online_retail", 1, 0)]


def test_plans_of_one_source_are_none_of_the_other(built: Settings) -> None:
    planned = rows(
        built,
        "select distinct source from forecast_frame"
        f" where f_promo_plan_share is not null and cutoff_on = '{CUTOFF_ON}'",
    )
    assert planned == [("complete_journey",)]
