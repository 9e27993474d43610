"""What is landed of M5 and Rossmann, from invented files of their layout."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from benchmarks.datasets import DataMissing, read_m5, read_rossmann
from benchmarks.landing import land_m5, land_rossmann
from dagster_project.sources import ENTITIES


@pytest.fixture
def m5(tmp_path: Path) -> Path:
    """Two stores, two departments, three days; the calendar reaches two days further."""
    folder = tmp_path / "data" / "m5"
    folder.mkdir(parents=True)
    days = pd.date_range("2016-05-20", periods=5)
    pd.DataFrame(
        {
            "date": days.strftime("%Y-%m-%d"),
            "event_name_1": ["Easter", None, None, None, "Memorial"],
            "event_name_2": ["Orthodox", None, None, None, None],
            "snap_CA": [0, 1, 0, 0, 1],
            "snap_TX": [0, 0, 0, 1, 0],
            "snap_WI": [0, 0, 0, 0, 0],
        }
    ).to_csv(folder / "calendar.csv", index=False)
    pd.DataFrame(
        [
            (store, department, store[:2], department.partition("_")[0], day, number)
            for number, (store, department, day) in enumerate(
                (store, department, day.date())
                for day in days[:3]
                for store in ("CA_1", "TX_1")
                for department in ("FOODS_1", "HOBBIES_2")
            )
        ],
        columns=["store_id", "dept_id", "state_id", "cat_id", "date", "sales"],
    ).to_parquet(folder / "store_dept_daily.parquet")
    return folder


@pytest.fixture
def rossmann(tmp_path: Path) -> Path:
    """Two stores, a week of which the second one is closed on a holiday and both on Sunday."""
    folder = tmp_path / "data" / "rossmann"
    folder.mkdir(parents=True)
    days = pd.date_range("2015-04-27", periods=8)
    rows = [
        (store, day.date(), 100 * store + day.day, 9, 1, int(day.day in (28, 29)), holiday, school)
        for store in (1, 2)
        for day in days
        if day.day_of_week != 6 and not (store == 2 and day.day == 1)
        for holiday in ["a" if day.day == 1 else "0"]
        for school in [int(store == 1 and day.day in (1, 2))]
    ]
    names = ["Store", "Date", "Sales", "Customers", "Open", "Promo", "StateHoliday"]
    frame = pd.DataFrame(rows, columns=[*names, "SchoolHoliday"])
    facts = {
        "StoreType": "c",
        "Assortment": "a",
        "CompetitionDistance": 570.0,
        "CompetitionOpenSinceMonth": 9.0,
        "CompetitionOpenSinceYear": 2008.0,
        "Promo2": 0,
        "Promo2SinceWeek": None,
        "Promo2SinceYear": None,
        "PromoInterval": None,
    }
    frame.assign(**facts).to_parquet(folder / "rossmann.parquet")
    pd.DataFrame(
        {
            "Store": [1, 2],
            "Date": pd.to_datetime(["2015-05-05"] * 2).date,
            "Open": [1, 0],
            "Promo": [1, 1],
            "StateHoliday": ["0", "0"],
            "SchoolHoliday": [0, 0],
        }
    ).to_parquet(folder / "future.parquet")
    return folder


def landed(landing: Path, table: str) -> list[tuple[object, ...]]:
    """Every row of a landed table as text, sorted."""
    query = f"select columns(*)::varchar from '{landing}/{table}/*.parquet' order by all"
    return duckdb.sql(query).fetchall()


def test_m5_lands_a_file_of_sales_per_day_and_the_rest_once(m5: Path, tmp_path: Path) -> None:
    written = land_m5(tmp_path / "landing", m5)
    assert {file.parent.name for file in written} <= set(ENTITIES)
    names = sorted(file.name for file in written)
    assert names == [
        "calendar_2016-05-20.parquet",
        "products_2016-05-20.parquet",
        "sales_events_2016-05-20.parquet",
        "sales_events_2016-05-21.parquet",
        "sales_events_2016-05-22.parquet",
        "stores_2016-05-20.parquet",
    ]
    sales = landed(tmp_path / "landing", "m5/sales_events")
    assert len(sales) == 12 and sales[0] == ("2016-05-20", "CA_1", "FOODS_1", "0")
    assert landed(tmp_path / "landing", "m5/stores") == [("CA_1", "CA"), ("TX_1", "TX")]
    assert landed(tmp_path / "landing", "m5/products") == [
        ("FOODS_1", "FOODS"),
        ("HOBBIES_2", "HOBBIES"),
    ]


def test_m5s_events_hold_for_all_stores_and_snap_for_those_of_the_state(
    m5: Path, tmp_path: Path
) -> None:
    land_m5(tmp_path / "landing", m5)
    assert landed(tmp_path / "landing", "m5/calendar") == [
        ("2016-05-20", None, "Easter"),
        ("2016-05-20", None, "Orthodox"),
        ("2016-05-21", "CA_1", "SNAP"),
        ("2016-05-23", "TX_1", "SNAP"),
        ("2016-05-24", "CA_1", "SNAP"),
        ("2016-05-24", None, "Memorial"),
    ]


def test_a_second_landing_writes_nothing(m5: Path, rossmann: Path, tmp_path: Path) -> None:
    assert land_m5(tmp_path / "landing", m5) and land_rossmann(tmp_path / "landing", rossmann)
    assert not land_m5(tmp_path / "landing", m5)
    assert not land_rossmann(tmp_path / "landing", rossmann)


def test_rossmann_lands_promotions_as_spans_of_days(rossmann: Path, tmp_path: Path) -> None:
    land_rossmann(tmp_path / "landing", rossmann)
    assert landed(tmp_path / "landing", "rossmann/promotions") == [
        ("1", "2015-04-28", "2015-04-29"),
        ("1", "2015-05-05", "2015-05-05"),
        ("2", "2015-04-28", "2015-04-29"),
        ("2", "2015-05-05", "2015-05-05"),
    ]


def test_rossmanns_calendar_says_of_every_store_and_day_whether_it_is_open(
    rossmann: Path, tmp_path: Path
) -> None:
    land_rossmann(tmp_path / "landing", rossmann)
    calendar = landed(tmp_path / "landing", "rossmann/calendar")
    assert {row[:2] for row in calendar} == {
        (str(day.date()), store)
        for day in pd.date_range("2015-04-27", "2015-05-05")
        for store in ("1", "2")
    }
    assert [row for row in calendar if row[0] == "2015-05-01"] == [
        ("2015-05-01", "1", "1", "school_holiday"),
        ("2015-05-01", "1", "1", "state_holiday_a"),
        ("2015-05-01", "2", "0", None),
    ]
    assert ("2015-05-05", "2", "0", None) in calendar


def test_rossmanns_customers_are_not_landed_nor_its_closed_days_sales(
    rossmann: Path, tmp_path: Path
) -> None:
    land_rossmann(tmp_path / "landing", rossmann)
    every_file = f"'{tmp_path}/landing/rossmann/*/*.parquet', union_by_name=true"
    columns = duckdb.sql(f"select * from read_parquet({every_file}) limit 0").columns
    assert "Customers" not in columns
    days = {row[0] for row in landed(tmp_path / "landing", "rossmann/sales_events")}
    assert "2015-05-03" not in days and "2015-05-05" not in days


def test_future_days_are_known_ahead_and_have_no_sales(rossmann: Path, m5: Path) -> None:
    read = read_rossmann(rossmann.parent)
    assert str(read.last_day) == "2015-05-04"
    ahead = read.known_ahead[read.known_ahead["day_on"] == pd.Timestamp("2015-05-05")]
    assert ahead.set_index("store_id")["is_open"].to_dict() == {"1": True, "2": False}
    assert (ahead["promotion"] == 1).all()
    assert read_m5(m5.parent).known_ahead["day_on"].max() == pd.Timestamp("2016-05-24")


def test_what_is_read_of_m5_is_what_stands_in_its_files(m5: Path) -> None:
    read = read_m5(m5.parent)
    assert len(read.sales) == 12 and len(read.series) == 4
    known = read.known_ahead.set_index(["day_on", "store_id", "product_id"])
    first = known.loc[(pd.Timestamp("2016-05-20"), "CA_1", "FOODS_1")]
    assert (first["event"], first["snap"], first["is_promoted"]) == ("Easter+Orthodox", 0.0, False)
    third = known.loc[(pd.Timestamp("2016-05-23"), "TX_1", "FOODS_1")]
    assert (third["event"], third["snap"]) == ("none", 1.0)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match=r"m5: expected .* in .*/m5, found no store_dept"):
        read_m5(tmp_path)
