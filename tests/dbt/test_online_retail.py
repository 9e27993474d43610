"""The second shipped source, from CSV files to daily sales, alone in its deployment."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from dagster_project.settings import CHECKOUT, DBT_PROJECT, Settings
from tests.dbt.invented_shops import Deployment
from tests.invented import RETAIL_COUNTRIES, RETAIL_PRODUCTS, write_online_retail

REAL_DATA = CHECKOUT.parent / "shared" / "data" / "online_retail_by_day"
TRADING_DAYS = 9


def deploy_online_retail(home: Path) -> Deployment:
    settings = Settings(
        home=home, today=date(2011, 12, 10), sources=("online_retail",), lock_timeout_seconds=5
    )
    variables = {"sources": {"online_retail": ["sales_events"]}}
    return Deployment(settings, DBT_PROJECT, variables=variables)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """Ten invented calendar days of it, one of them a Saturday, built with every test."""
    shop = deploy_online_retail(tmp_path_factory.mktemp("retail"))
    write_online_retail(shop.settings.landing / "online_retail" / "sales_events", days=10)
    shop.register()
    statuses = shop.dbt("build")
    assert set(statuses.values()) <= {"success", "pass", "warn"}, statuses
    return shop


def test_a_cancelled_invoice_is_a_return(shop: Deployment) -> None:
    assert shop.rows(
        "select count(*), sum(units_returned) from sales_by_day where units_returned > 0"
    ) == [(TRADING_DAYS, TRADING_DAYS)]


def test_postage_is_an_accepted_line_and_no_demand(shop: Deployment) -> None:
    assert shop.rows(
        "select product_id, count(*) from sales_events_accepted where not is_demand group by 1"
    ) == [("POST", TRADING_DAYS)]
    assert shop.rows("select count(distinct product_id) from sales_by_day") == [
        (len(RETAIL_PRODUCTS),)
    ]


def test_a_line_that_is_there_twice_counts_once(shop: Deployment) -> None:
    lines = TRADING_DAYS * (len(RETAIL_PRODUCTS) * len(RETAIL_COUNTRIES) + 2)
    assert shop.rows("select sum(rows_accepted), sum(rows_duplicate) from loads") == [
        (lines, TRADING_DAYS)
    ]


def test_the_shop_is_closed_on_the_day_without_lines(shop: Deployment) -> None:
    days = shop.rows("select distinct day_on from open_days")
    assert len(days) == TRADING_DAYS
    assert all(day.isoweekday() != 6 for (day,) in days)


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason=f"needs the real data in {REAL_DATA}")
def test_the_real_year_is_accounted_for_line_by_line(tmp_path: Path) -> None:
    shop = deploy_online_retail(tmp_path / "home")
    folder = shop.settings.landing / "online_retail"
    folder.mkdir(parents=True)
    os.symlink(REAL_DATA, folder / "sales_events")
    shop.build()
    assert shop.rows(
        "select sum(rows_read), sum(rows_accepted), sum(rows_duplicate), sum(rows_quarantined)"
        " from loads"
    ) == [(541_909, 536_604, 5_268, 37)]
    assert shop.failing_tests() == []
