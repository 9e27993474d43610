"""Write M5 and Rossmann as landing files, the way a till system would have sent them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.datasets import create_m5_tables, create_rossmann_days
from dagster_project.warehouse import memory
from dagster_project.whole_file import whole_file

M5_SALES = "select date, store_id, dept_id, sales from sales order by date, store_id, dept_id"

M5_TABLES = {
    "products": "select distinct dept_id, cat_id from sales order by all",
    "stores": "select distinct store_id, state_id from sales order by all",
    "calendar": """
        with events as (
            select date, null::varchar as store_id, event_name_1 as event_name from calendar
            union all
            select date, null, event_name_2 from calendar
            union all
            select calendar.date, stores.store_id, 'SNAP'
            from calendar
            inner join (select distinct store_id, state_id from sales) as stores
                on case stores.state_id
                    when 'CA' then snap_CA when 'TX' then snap_TX when 'WI' then snap_WI
                end = 1
        )

        select * from events where event_name is not null order by all
    """,
}

ROSSMANN_SALES = """
select Date, Store, Sales from days where Open = 1 and Sales is not null order by Date, Store
"""

ROSSMANN_TABLES = {
    "stores": """
        select distinct
            Store, StoreType, Assortment, CompetitionDistance, CompetitionOpenSinceMonth,
            CompetitionOpenSinceYear, Promo2, Promo2SinceWeek, Promo2SinceYear, PromoInterval
        from days
        where StoreType is not null
        order by Store
    """,
    # days in a row have the same distance to their own number
    "promotions": """
        with numbered as (
            select
                Store,
                Date,
                Date - (row_number() over (partition by Store order by Date))::integer as span
            from days
            where Promo = 1
        )

        select Store, min(Date) as starts_on, max(Date) as ends_on
        from numbered
        group by Store, span
        order by all
    """,
    "calendar": """
        with dates as (
            select unnest(generate_series(min(Date), max(Date), interval 1 day))::date as Date
            from days
        ),

        store_days as (
            select
                dates.Date,
                stores.Store,
                coalesce(days.Open, 0)::integer as Open,
                list_filter(
                    [
                        case when days.StateHoliday in ('a', 'b', 'c')
                            then 'state_holiday_' || days.StateHoliday end,
                        case when days.SchoolHoliday = 1 then 'school_holiday' end
                    ],
                    lambda name: name is not null
                ) as events
            from dates
            cross join (select distinct Store from days) as stores
            left join days on dates.Date = days.Date and stores.Store = days.Store
        )

        select
            Date, Store, Open,
            unnest(case when len(events) > 0 then events else [null::varchar] end) as event_name
        from store_days
        order by all
    """,
}


def land_m5(landing: Path, folder: Path) -> list[Path]:
    """Write landing/m5, see `_land`."""
    return _land(landing / "m5", folder, create_m5_tables, M5_SALES, M5_TABLES)


def land_rossmann(landing: Path, folder: Path) -> list[Path]:
    """Write landing/rossmann, see `_land`."""
    return _land(
        landing / "rossmann", folder, create_rossmann_days, ROSSMANN_SALES, ROSSMANN_TABLES
    )


LANDINGS = {"m5": land_m5, "rossmann": land_rossmann}


def _land(
    target: Path,
    folder: Path,
    create: Callable[[duckdb.DuckDBPyConnection, Path], date],
    sales: str,
    tables: dict[str, str],
) -> list[Path]:
    """Write the files that are not there yet: sales a file per day, the rest once.

    A file's name ends in its business date: sales in their day, the others in the first day of the
    sales, since all that they say is known ahead.

    Args:
        target: the source's landing folder.
        folder: the set's files.
        create: loads them into tables.
        sales: query of the sales, its first column the day, ordered by it.
        tables: entity -> query.

    Returns:
        The files written.
    """
    with memory() as connection:
        create(connection, folder)
        lines = connection.execute(sales).to_arrow_table()
        day_of_line = lines.column(0).to_numpy()
        starts = np.flatnonzero(np.r_[True, day_of_line[1:] != day_of_line[:-1]])
        ends = np.r_[starts[1:], len(day_of_line)]
        files = {
            target / "sales_events" / f"sales_events_{day_of_line[start]}.parquet": (start, end)
            for start, end in zip(starts, ends, strict=True)
        }
        written = [file for file in files if not file.exists()]
        for file in written:
            start, end = files[file]
            _write(lines.slice(start, end - start), file)
        for entity, query in tables.items():
            file = target / entity / f"{entity}_{day_of_line[0]}.parquet"
            if not file.exists():
                _write(connection.execute(query).to_arrow_table(), file)
                written.append(file)
    return written


def _write(rows: pa.Table, file: Path) -> None:
    with whole_file(file) as unfinished:
        pq.write_table(rows, unfinished, compression="zstd")
