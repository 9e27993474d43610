"""A warehouse with views of the ports over a handful of lines, to publish from in a moment."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from dagster_project import publishing
from dagster_project.publishing import Provenance, Publication, TestResult
from dagster_project.settings import Settings
from dagster_project.warehouse import port, warehouse

PUBLISHED_AT = datetime(2018, 1, 1, 6, tzinfo=UTC)


PROVENANCE = Provenance(PUBLISHED_AT, "abc123", {"duckdb": "1.5.5"})


# Views of the ports over a handful of lines: what dbt builds in the real warehouse.
PRODUCT_VIEWS = """
create table lines (event_id varchar, sold_on date, quantity decimal(18, 4));
create table loads (file_id bigint);
create view sales_events_v1 as
select
    event_id, 'till' as source, 's1' as store_id, 'milk' as product_id,
    null::varchar as customer_key, quantity, sold_on::timestamptz as sold_at, sold_on
from lines;
create view daily_sales_v1 as
select 'milk' as product_id, 's1' as store_id, sum(quantity)::decimal(18, 4) as units_sold, sold_on
from lines group by sold_on;
create view daily_sales_v2 as
select product_id, store_id, units_sold as units_net, sold_on from daily_sales_v1;
create view likely_stockouts_v1 as
select 'milk' as product_id, 's1' as store_id, 3 as days, sold_on as starts_on
from lines where quantity < 0;
create view sales_forecast_v1 as
select *, list_transform(range(1, 120), lambda path: path)::float[119] as units_paths
from state.forecast_ledger where forecast_version = (
    select max(forecast_version) from state.forecast_ledger where not is_backfill
);
create view sales_forecast_explained_v1 as
select forecast_version, target_on, store_id, product_id, units_mean, units_mean as units_level
from sales_forecast_v1;
create view forecast_value_added_v1 as
select distinct
    forecast_version, 'series' as slice, product_id, store_id, null::varchar as category,
    null::varchar as region, method as rung
from sales_forecast_v1;
create view sales_forecast_totals_v1 as
select
    forecast_version, issued_at, cutoff_on, target_on, 'overall' as level,
    null::varchar as store_id, null::varchar as region, null::varchar as category,
    null::varchar as department, units_mean
from sales_forecast_v1;
create view sales_forecast_history_v1 as
select * from state.forecast_ledger
where is_backfill
    or forecast_version in (select forecast_version from state.publications)
    or forecast_version in (select forecast_version from sales_forecast_v1);
"""


MODEL = """
insert into state.model_versions
values ('m1', '2017-03-01 00:00:00+00', '2017-03-01', '', '', '{}', [], 7, 's', 'c', 'f', 'abc123',
    '{}', '{}', 'passed', [], true, false, null)
"""


def passing(_: Settings) -> list[TestResult]:
    return [TestResult("everything_is_fine", "pass", 0, None)]


def failing(_: Settings) -> list[TestResult]:
    sql = "select * from sales_events_v1 where quantity > 1"
    return [
        TestResult("fine", "pass", 0, None, sql),
        TestResult("quantity_is_one", "fail", 1, "Got 1 result", sql),
    ]


def forecast(settings: Settings, version: int, units: str = "2", *, day: int = 1) -> None:
    """Put a forecast of two days into the ledger, as the forecast asset does."""
    cutoff = date(2017, 3, day)
    issued_at = datetime(2017, 3, day, version, tzinfo=UTC)
    with warehouse(settings) as connection:
        connection.execute(
            "insert into state.forecast_versions values (?, ?, ?, ?, 'm1', 'f', 2, 1, 0, false)",
            [version, cutoff, issued_at, cutoff],
        )
        connection.execute(
            "insert into state.forecast_ledger select ?, ?, $3::date, $3::date + h::int, h, 's1',"
            " 'milk', $4, 0, 1, $4, 9, 9, 'm1', false, false, 'model' from range(1, 3) as days(h)",
            [version, issued_at, cutoff, units],
        )


def sell(settings: Settings, event_id: str, sold_on: str, quantity: int = 1) -> None:
    with warehouse(settings) as connection:
        connection.execute("insert into lines values (?, ?, ?)", [event_id, sold_on, quantity])


def land_file(settings: Settings, file_id: int) -> None:
    with warehouse(settings) as connection:
        connection.execute(
            "insert into state.landing_files (file_id, source, entity, path, size_bytes, sha256,"
            " first_seen_at, status) values ($1, 'complete_journey', 'sales_events',"
            " $1 || '.parquet', 1, 'sha-' || $1, '2018-01-01 00:00:00+00', 'accepted')",
            [file_id],
        )
        connection.execute("insert into loads values (?)", [file_id])


def publish(
    settings: Settings, run_tests: Any = passing, export: Any = None, **changes: Any
) -> Publication:
    return publishing.publish(
        settings, replace(PROVENANCE, **changes), run_tests=run_tests, export=export
    )


def read(settings: Settings, relation: str, file: str = "sales.duckdb") -> list[tuple[Any, ...]]:
    with port((settings.published / file).resolve()) as connection:
        return connection.execute(f"select * from {relation} order by all").fetchall()


def inode(settings: Settings, number: int, path: str) -> int:
    return (publishing.publication_folder(settings, number) / path).stat().st_ino


def state_of(settings: Settings) -> dict[str, str]:
    """Everything under published/, by path: link targets, and hashes of what has no paths in it."""
    found = {}
    for path in sorted(settings.published.rglob("*")):
        name = str(path.relative_to(settings.published))
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.suffix in {".parquet", ".json"}:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif path.name != "publishing.lock":
            found[name] = "there"
    with warehouse(settings) as connection:
        found["state"] = str(connection.execute("from state.publications order by all").fetchall())
    return found


def fill(settings: Settings) -> None:
    with warehouse(settings) as connection:
        connection.execute(PRODUCT_VIEWS)
        connection.execute(MODEL)
    sell(settings, "a", "2017-01-30", 1)
    sell(settings, "b", "2017-02-01", 3)
    land_file(settings, 1)
    forecast(settings, 1)
