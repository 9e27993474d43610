"""The change feed: what a reader has to read again since the publication they know."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any

import pytest

from dagster_project import publishing
from dagster_project.settings import Settings
from dagster_project.warehouse import port, warehouse
from tests.publishing.invented_ports import PUBLISHED_AT, fill, forecast, publish, sell

JANUARY, FEBRUARY = date(2017, 1, 30), date(2017, 2, 1)

# Two stores a day, so that a day and one of its series are not the same.
TWO_STORES = """
create or replace view daily_sales_v1 as
select
    'milk' as product_id, event_id[1:1] as store_id, sum(quantity)::decimal(18, 4) as units_sold,
    sold_on
from lines group by all;
create or replace view sales_events_v1 as
select
    event_id, 'till' as source, event_id[1:1] as store_id, 'milk' as product_id,
    null::varchar as customer_key, quantity, sold_on::timestamptz as sold_at, sold_on
from lines;
"""


@pytest.fixture
def filled(settings: Settings) -> Settings:
    """Two stores, a and b; b sold on both days."""
    fill(settings)
    with warehouse(settings) as connection:
        connection.execute(TWO_STORES)
    sell(settings, "b2", "2017-01-30", 5)
    return settings


def changes(
    settings: Settings, relation: str, since: int, file: str = "sales.duckdb"
) -> list[tuple[Any, ...]]:
    with port((settings.published / file).resolve()) as connection:
        return connection.execute(
            "select publication, partition, day_on, store_id, change from changes_v1"
            " where relation = ? and publication > ? order by all",
            [relation, since],
        ).fetchall()


def test_everything_of_the_first_publication_is_added_a_row_a_day(filled: Settings) -> None:
    publish(filled)
    added = [(1, "2017-01", JANUARY, None, "added"), (1, "2017-02", FEBRUARY, None, "added")]
    assert changes(filled, "daily_sales_v1", 0) == added
    assert changes(filled, "sales_events_v1", 0) == added
    assert [row[1:3] for row in changes(filled, "sales_forecast_v1", 0)] == [
        ("all", date(2017, 3, 2)),
        ("all", date(2017, 3, 3)),
    ]


def test_a_feed_names_the_series_and_days_that_changed_since_the_last(filled: Settings) -> None:
    publish(filled)
    sell(filled, "a2", "2017-01-30", 1)  # one of two stores of a day
    sell(filled, "b3", "2017-02-02", 1)  # a new day
    with warehouse(filled) as connection:
        connection.execute("delete from lines where event_id = 'b'")  # all of a day
    publish(filled)
    assert changes(filled, "daily_sales_v1", 1) == [
        (2, "2017-01", JANUARY, "a", "changed"),
        (2, "2017-02", FEBRUARY, None, "removed"),
        (2, "2017-02", date(2017, 2, 2), None, "added"),
    ]
    assert changes(filled, "sales_forecast_v1", 1) == [], "the forecast says what it said"
    assert len(changes(filled, "daily_sales_v1", 0)) == 5, "a reader may have missed the first"


def test_a_new_forecast_of_the_same_units_has_not_changed(filled: Settings) -> None:
    publish(filled)
    forecast(filled, 2)
    sell(filled, "a2", "2017-01-30", 1)  # else nothing would be published
    publish(filled)
    assert changes(filled, "sales_forecast_v1", 1) == []
    forecast(filled, 3, units="3")
    publish(filled)
    assert [row[2:] for row in changes(filled, "sales_forecast_v1", 2)] == [
        (date(2017, 3, 2), None, "changed"),
        (date(2017, 3, 3), None, "changed"),
    ]


def test_the_open_feed_tells_only_the_days_of_a_restricted_port(filled: Settings) -> None:
    publish(filled)
    sell(filled, "a2", "2017-01-30", 1)
    publish(filled)
    told = changes(filled, "sales_events_v1", 1, "restricted/sales.duckdb")
    assert told == [(2, "2017-01", JANUARY, "a", "changed")]
    assert changes(filled, "sales_events_v1", 1) == [(2, "2017-01", JANUARY, None, "changed")]
    feed = publishing.publication_folder(filled, 2) / "restricted" / "changes" / "2.parquet"
    assert feed.stat().st_mode & 0o007 == 0


def test_the_manifest_names_every_feed_and_a_rollback_checks_them(filled: Settings) -> None:
    publish(filled)
    sell(filled, "b3", "2017-02-02", 1)
    folder = publishing.publication_folder(filled, 2)
    named = {item.path: item.sha256 for item in publish(filled).changes}
    assert set(named) == {
        *("changes/1.parquet", "changes/2.parquet"),
        *("restricted/changes/1.parquet", "restricted/changes/2.parquet"),
    }
    for path, sha256 in named.items():
        assert hashlib.sha256((folder / path).read_bytes()).hexdigest() == sha256
    feed = publishing.publication_folder(filled, 1) / "changes" / "1.parquet"
    feed.unlink()
    feed.write_bytes(b"others")
    with pytest.raises(publishing.CannotRollBack, match=r"changes/1\.parquet.*expected the sha256"):
        publishing.rollback(filled, to=1, reason="wrong", published_at=PUBLISHED_AT)


def test_a_rollback_tells_what_it_takes_back(filled: Settings) -> None:
    publish(filled)
    sell(filled, "b3", "2017-02-02", 1)
    publish(filled)
    publishing.rollback(filled, to=1, reason="wrong", published_at=PUBLISHED_AT)
    assert changes(filled, "daily_sales_v1", 2) == [
        (3, "2017-02", date(2017, 2, 2), None, "removed")
    ]
