"""The sets that accuracy is measured on, read into one shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import holidays
import pandas as pd

from benchmarks.fingerprint import check_same_data
from benchmarks.problem import SERIES, Problem
from dagster_project.assets.training import forecast_scope, latest_cutoff
from dagster_project.forecasting.backtest import BacktestPlan, backtest_cutoffs
from dagster_project.parameters import Parameters
from dagster_project.settings import Settings
from dagster_project.sources import WEEKDAYS, read_sources
from dagster_project.warehouse import memory, warehouse

M5_CUTOFFS = tuple(date(2016, 4, 24) - timedelta(days=28 * step) for step in range(6))[::-1]
ROSSMANN_CUTOFFS = tuple(date(2015, 5, 3) - timedelta(days=42 * step) for step in range(4))[::-1]
ROSSMANN_PRODUCT = "turnover"
DEMO_TODAY = date(2018, 1, 1)


class DataMissing(RuntimeError):
    """A set's folder, or a file in it, is not there; the message says where it was looked for."""


class DataTooShort(RuntimeError):
    """The sales of a set end before the days that its last origin is scored on."""


@dataclass(frozen=True)
class Dataset:
    """A set of series with what is known ahead.

    Attributes:
        name: m5, rossmann or demo.
        sales: SERIES, sold_on, units: one row per series and open day, zeros included.
        known_ahead: as in `Problem`, from the first day to the last that is known ahead.
        series: SERIES, category, department, region.
        horizon_days: days ahead.
        cutoffs: the origins, ascending.
        exogenous: see `Problem`.
        objective: see `Problem`.
        scope: cutoff_on and SERIES, the series to be forecast at each origin; None: at each origin
            those that have sold by then.
        folder: where it was read from; None for the demo.
    """

    name: str
    sales: pd.DataFrame
    known_ahead: pd.DataFrame
    series: pd.DataFrame
    horizon_days: int
    cutoffs: tuple[date, ...]
    exogenous: tuple[str, ...]
    objective: dict[str, Any]
    scope: pd.DataFrame | None = None
    folder: Path | None = None

    @property
    def last_day(self) -> date:
        """Last day of sales."""
        return pd.Timestamp(self.sales["sold_on"].max()).date()

    def series_at(self, cutoff_on: date) -> pd.DataFrame:
        """SERIES, category, department, region of the series to be forecast at an origin."""
        if self.scope is not None:
            chosen = self.scope.loc[self.scope["cutoff_on"] == pd.Timestamp(cutoff_on), SERIES]
        else:
            sold = (self.sales["sold_on"] <= pd.Timestamp(cutoff_on)) & (self.sales["units"] > 0)
            chosen = self.sales.loc[sold, SERIES].drop_duplicates()
        return self.series.merge(chosen, on=SERIES).sort_values(SERIES, ignore_index=True)

    def problem(self, cutoff_on: date) -> Problem:
        """What a method is given at an origin: nothing later but what is known ahead."""
        series = self.series_at(cutoff_on)
        cutoff = pd.Timestamp(cutoff_on)
        until = cutoff + pd.Timedelta(days=self.horizon_days)
        return Problem(
            sales=self.sales[self.sales["sold_on"] <= cutoff].merge(series[SERIES], on=SERIES),
            known_ahead=self.known_ahead[self.known_ahead["day_on"] <= until].merge(
                series[SERIES], on=SERIES
            ),
            series=series,
            cutoff_on=cutoff_on,
            horizon_days=self.horizon_days,
            exogenous=self.exogenous,
            objective=self.objective,
        )

    def actuals(self, cutoff_on: date) -> pd.DataFrame:
        """What is scored at an origin: SERIES, target_on, units, is_promoted, event, one row each.

        Days on which a store was closed have no row.
        """
        cutoff = pd.Timestamp(cutoff_on)
        days = self.sales["sold_on"]
        ahead = (days > cutoff) & (days <= cutoff + pd.Timedelta(days=self.horizon_days))
        rows = self.sales[ahead].merge(self.series_at(cutoff_on), on=SERIES)
        rows = rows.rename(columns={"sold_on": "target_on"})
        known = self.known_ahead[[*SERIES, "day_on", "is_promoted", "event"]]
        known = known.rename(columns={"day_on": "target_on"})
        return rows.merge(known, on=[*SERIES, "target_on"], how="left", validate="one_to_one")


def objective(parameters: Parameters) -> dict[str, Any]:
    """The loss of a set's declared parameters, as LightGBM's parameters."""
    if parameters.loss == "tweedie":
        return {"objective": "tweedie", "tweedie_variance_power": parameters.tweedie_power}
    return {"objective": parameters.loss}


M5_SERIES = """
select distinct dept_id as product_id, store_id, cat_id as category, dept_id as department,
    state_id as region
from sales order by 1, 2
"""

M5_SALES = """
select dept_id as product_id, store_id, date as sold_on, sales::double as units
from sales order by all
"""

M5_KNOWN_AHEAD = """
select
    series.product_id,
    series.store_id,
    calendar.date as day_on,
    true as is_open,
    coalesce(concat_ws('+', event_name_1, event_name_2), '') as event,
    (case series.region
        when 'CA' then snap_CA when 'TX' then snap_TX when 'WI' then snap_WI
    end)::double as snap
from calendar
cross join series
order by all
"""


def read_m5(data: Path) -> Dataset:
    """M5 at store x department: 70 series, six origins 28 days apart, the last 2016-04-24.

    Args:
        data: folder that holds m5/.

    Raises:
        DataMissing: no m5/, or a file of it is missing.
    """
    folder = _folder(data, "m5", "store_dept_daily.parquet", "calendar.csv")
    with memory() as connection:
        create_m5_tables(connection, folder)
        connection.execute(f"create table series as {M5_SERIES}")
        known = _frame(connection, M5_KNOWN_AHEAD)
        return Dataset(
            name="m5",
            sales=_frame(connection, M5_SALES),
            known_ahead=known.assign(
                event=known["event"].replace("", "none"), is_promoted=known["snap"] > 0
            ),
            series=_frame(connection, "select * from series"),
            horizon_days=28,
            cutoffs=M5_CUTOFFS,
            exogenous=("snap",),
            objective=objective(read_sources()["m5"].forecast.model),
            folder=folder,
        )


def create_m5_tables(connection: duckdb.DuckDBPyConnection, folder: Path) -> date:
    """Create the tables `sales` and `calendar`, with the days of `future.parquet` where it is.

    Returns:
        The last day of sales.
    """
    for table, read in (
        ("sales", f"read_parquet('{folder}/store_dept_daily.parquet')"),
        ("calendar", f"read_csv('{folder}/calendar.csv')"),
    ):
        connection.execute(f"create table {table} as select * from {read}")
    if (folder / "future.parquet").is_file():
        connection.execute(
            "insert into calendar by name select distinct"
            " date, event_name_1, event_name_2, snap_CA, snap_TX, snap_WI from read_parquet(?)"
            " where date > (select max(date) from calendar)",
            [str(folder / "future.parquet")],
        )
    last_day: date = connection.execute("select max(date) from sales").fetchall()[0][0]
    return last_day


ROSSMANN_SALES = """
select ? as product_id, Store::varchar as store_id, Date as sold_on, Sales::double as units
from days
where Date <= ? and Open = 1 and Sales > 0
order by all
"""

ROSSMANN_SERIES = """
select distinct ? as product_id, Store::varchar as store_id, Assortment as category,
    'all' as department, StoreType as region
from days where StoreType is not null order by all
"""

# A store that has no row on a day was closed, as its own calendar says beforehand.
ROSSMANN_KNOWN_AHEAD = """
with dates as (
    select unnest(generate_series(min(Date), max(Date), interval 1 day))::date as day_on from days
)

select
    ? as product_id,
    stores.Store::varchar as store_id,
    dates.day_on,
    coalesce(days.Open, 0) = 1 as is_open,
    case days.StateHoliday
        when 'a' then 'state_holiday_a'
        when 'b' then 'state_holiday_b'
        when 'c' then 'state_holiday_c'
        else 'none'
    end as event,
    coalesce(days.Promo, 0)::double as promotion,
    coalesce(days.SchoolHoliday, 0)::double as school_holiday
from dates
cross join (select distinct Store from days) as stores
left join days on stores.Store = days.Store and dates.day_on = days.Date
order by all
"""


def read_rossmann(data: Path) -> Dataset:
    """Rossmann by store: four origins 42 days apart, the last 2015-05-03; no `Customers`.

    Args:
        data: folder that holds rossmann/.

    Raises:
        DataMissing: no rossmann/, or a file of it is missing.
    """
    folder = _folder(data, "rossmann", "rossmann.parquet")
    with memory() as connection:
        last_day = create_rossmann_days(connection, folder)
        known = _frame(connection, ROSSMANN_KNOWN_AHEAD, ROSSMANN_PRODUCT)
        return Dataset(
            name="rossmann",
            sales=_frame(connection, ROSSMANN_SALES, ROSSMANN_PRODUCT, last_day),
            known_ahead=known.assign(is_promoted=known["promotion"] > 0),
            series=_frame(connection, ROSSMANN_SERIES, ROSSMANN_PRODUCT),
            horizon_days=42,
            cutoffs=ROSSMANN_CUTOFFS,
            exogenous=("promotion", "school_holiday"),
            objective=objective(read_sources()["rossmann"].forecast.model),
            folder=folder,
        )


def create_rossmann_days(connection: duckdb.DuckDBPyConnection, folder: Path) -> date:
    """Create the table `days`, with the days of `future.parquet` where there is one.

    Returns:
        The last day of sales.
    """
    connection.execute(
        "create table days as select * exclude (Customers) from read_parquet(?)",
        [str(folder / "rossmann.parquet")],
    )
    last_day: date = connection.execute("select max(Date) from days").fetchall()[0][0]
    future = folder / "future.parquet"
    if future.is_file():
        connection.execute(
            "insert into days by name select Store, Date, Open, Promo,"
            " StateHoliday::varchar as StateHoliday, SchoolHoliday from read_parquet(?)"
            " where Date > ?",
            [str(future), last_day],
        )
    return last_day


DEMO_SCOPE = """
select cutoff_on, product_id, store_id
from forecast_series
where is_in_scope and not is_new and cutoff_on in (select unnest(?::date[]))
"""

DEMO_SALES = """
select product_id, store_id, sold_on, units_sold::double as units
from daily_sales_dense
inner join (select distinct product_id, store_id from scope) using (product_id, store_id)
order by all
"""

DEMO_SERIES = """
select distinct
    scope.product_id, scope.store_id, products.category, products.department, stores.region
from scope
inner join dim_product as products on scope.product_id = products.product_id
inner join dim_store as stores on scope.store_id = stores.store_id
order by all
"""

# Days that the calendar of the source does not know count as open.
DEMO_KNOWN_AHEAD = """
with series as (
    select distinct product_id, store_id from scope
),

dates as (
    select unnest(generate_series($first_on, $last_on, interval 1 day))::date as day_on
),

planned as (
    select
        promotions.product_id,
        promotions.store_id,
        unnest(generate_series(starts_on, ends_on, interval 1 day))::date as day_on,
        promotion_kind,
        share
    from promotions
    semi join series
        on promotions.product_id = series.product_id and promotions.store_id = series.store_id
),

shares as (
    select
        product_id,
        store_id,
        day_on,
        max(share) filter (where promotion_kind = 'display') as display_share,
        max(share) filter (where promotion_kind = 'mailer') as mailer_share
    from planned
    group by all
)

select
    series.product_id,
    series.store_id,
    dates.day_on,
    true as is_open,
    coalesce(shares.display_share, 0)::double as display_share,
    coalesce(shares.mailer_share, 0)::double as mailer_share
from dates
cross join series
left join shares
    on
        series.product_id = shares.product_id
        and series.store_id = shares.store_id
        and dates.day_on = shares.day_on
order by all
"""


def read_demo(settings: Settings) -> Dataset:
    """The demo, from the warehouse that the product built: its own origins, series and plans.

    Args:
        settings: a home in which the demo has landed and been built.

    Raises:
        DataMissing: the home holds no sales.
    """
    plan = BacktestPlan()
    scope = forecast_scope(settings)
    with warehouse(settings) as connection:
        last_day = latest_cutoff(connection)
        if last_day is None:
            raise DataMissing(
                f"{settings.home}: expected the demo's sales, found none. Build it there with "
                "`python -m benchmarks.accuracy --dataset demo --methods naive`, or name a home in "
                "which `meshcast run` has run."
            )
        weekly = connection.execute("select cutoff_on from forecast_origins where is_weekly")
        cutoffs = backtest_cutoffs(
            [row[0] for row in weekly.fetchall()],
            known_through_on=last_day,
            horizon_days=scope.horizon_days,
            cutoff_weekday=(WEEKDAYS.index(scope.origin_weekday) - 1) % 7,
            plan=plan,
        )[plan.calibration_cutoffs :]
        connection.execute(f"create temp table scope as {DEMO_SCOPE}", [list(cutoffs)])
        sales = _frame(connection, DEMO_SALES)
        first_day = sales["sold_on"].min().date()
        known = _known_ahead_of_demo(connection, first_day, last_day)
        return Dataset(
            name="demo",
            sales=sales,
            known_ahead=known,
            series=_frame(connection, DEMO_SERIES),
            horizon_days=scope.horizon_days,
            cutoffs=cutoffs,
            exogenous=("display_share", "mailer_share"),
            objective=objective(scope.model),
            scope=_frame(connection, "select * from scope"),
        )


def _known_ahead_of_demo(
    connection: duckdb.DuckDBPyConnection, first_on: date, last_on: date
) -> pd.DataFrame:
    known = connection.execute(DEMO_KNOWN_AHEAD, {"first_on": first_on, "last_on": last_on}).df()
    known["day_on"] = pd.to_datetime(known["day_on"])
    years = range(first_on.year, last_on.year + 1)
    named = {
        pd.Timestamp(day): name
        for day, name in holidays.country_holidays("US", years=years).items()
    }
    return known.assign(
        event=known["day_on"].map(named).fillna("none"),
        is_promoted=(known["display_share"] > 0) | (known["mailer_share"] > 0),
    )


READERS: dict[str, Callable[[Path], Dataset]] = {"m5": read_m5, "rossmann": read_rossmann}


def read_set(name: str, data: Path, home: Path) -> tuple[Dataset, Settings]:
    """A set, and the settings of the home that the product makes its forecasts in.

    Args:
        name: m5, rossmann or demo.
        data: folder of m5/ and rossmann/.
        home: the set's home; the demo is read from it and has to be built there.

    Raises:
        DataMissing: the set is not there.
        DataTooShort: it ends before the last origin's horizon.
        OtherData: the home was made from other data.
    """
    if name not in READERS:
        settings = Settings(home=home, today=DEMO_TODAY)
        return read_demo(settings), settings
    dataset = READERS[name](data)
    last_target = dataset.cutoffs[-1] + timedelta(days=dataset.horizon_days)
    if dataset.last_day < last_target:
        raise DataTooShort(
            f"{name}: expected sales up to {last_target}, {dataset.horizon_days} days after the "
            f"last origin, found them up to {dataset.last_day} in {dataset.folder}. Name a folder "
            "that holds the whole set with --data."
        )
    assert dataset.folder is not None
    check_same_data(dataset.folder, home)
    today = dataset.last_day + timedelta(days=1)
    return dataset, Settings(home=home, today=today, sources=(name,))


def _folder(data: Path, name: str, *files: str) -> Path:
    folder = data / name
    missing = [file for file in files if not (folder / file).is_file()]
    if missing:
        raise DataMissing(
            f"{name}: expected {', '.join(files)} in {folder}, found no {missing[0]}. Name the "
            "folder that holds the sets with --data."
        )
    return folder


def _frame(connection: duckdb.DuckDBPyConnection, sql: str, *values: object) -> pd.DataFrame:
    frame = connection.execute(sql, list(values)).df()
    for column in frame.columns.intersection(["sold_on", "day_on", "cutoff_on"]):
        frame[column] = pd.to_datetime(frame[column])
    return frame
