"""Features are built for the origins that a new file touches, and end as a full rebuild does.

So does a home that other SQL has built, with other columns.
"""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pandas as pd

from dagster_project.assets.dbt import dbt_build
from dagster_project.landing import register_landed
from dagster_project.rebuilds import FEATURES, LINES, rebuilds
from dagster_project.settings import Settings
from dagster_project.warehouse import warehouse
from tests.command_line import CUTOFF_ON, NEXT_DAY, land_invented, settings_of

LATE_DAY = CUTOFF_ON - timedelta(days=24)

COMPARED = {
    "sales_events_decided": "* exclude (load_id)",
    "loads": "* exclude (loaded_at)",
    "sales_by_day": "*",
    "sales_as_known": "*",
    "forecast_series": "* exclude (series_number)",
    "forecast_frame": "*",
    "features_built": "*",
}

# What an older version could have left: columns gone or new since, other types, other rows.
OLDER_HOME = (
    "alter table feat_series drop column naive_units",
    "alter table feat_weekday add column of_old double",
    "alter table feat_base_day alter target_on type timestamp",
    "update feat_promotion set cutoff_on = cutoff_on - 1",
    "update features_built set code = 'older'",
    "alter table sales_events_decided drop column superseded_on",
    "alter table sales_by_day rename column units_sold to units",
    "alter table store_days alter lines type varchar",
    "update daily_sales_changes set units_sold = units_sold + 1",
    "alter table loads drop column code",
    "alter table loads drop column rows_superseded",
)


def ingest(settings: Settings, *, full_refresh: bool = False) -> None:
    with warehouse(settings) as connection:
        register_landed(settings, connection)
    dbt_build(settings, exclude="resource_type:test resource_type:unit_test", refresh=full_refresh)


def read(settings: Settings, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(settings.warehouse_file), read_only=True) as connection:
        return connection.execute(query).fetchall()


def land_late_file(settings: Settings) -> None:
    """Lines of a day long past, known on a day in the middle of the history."""
    folder = settings.landing / "complete_journey" / "sales_events"
    lines = pd.read_parquet(folder / f"sales_events_{LATE_DAY}.parquet")
    lines["basket_id"] = lines["basket_id"] + 10_000_000
    lines.to_parquet(folder / f"sales_events_{LATE_DAY}_late.parquet", index=False)


def origins_built(settings: Settings) -> list[date]:
    rows = read(settings, "select cutoff_on from origins_to_build order by 1")
    return [row[0] for row in rows]  # type: ignore[misc]


def every_origin_was_built(settings: Settings) -> bool:
    origins = read(settings, "select cutoff_on from forecast_origins order by 1")
    return [(origin,) for origin in origins_built(settings)] == origins


def assert_holds_the_same(settings: Settings, other_warehouse: Path) -> None:
    """Lines, days and features are row by row those of another warehouse."""
    with duckdb.connect(str(settings.warehouse_file)) as connection:
        connection.execute(f"attach '{other_warehouse}' as steps (read_only)")
        for table, columns in COMPARED.items():
            for one, other in (("main", "steps.main"), ("steps.main", "main")):
                missing = connection.execute(
                    f"select count(*) from (select {columns} from {one}.{table}"
                    f" except all select {columns} from {other}.{table})"
                ).fetchone()
                assert missing == (0,), f"{table}: rows of {one} that {other} lacks"


def test_a_new_day_builds_the_newest_origin_a_late_file_those_since_and_both_equal_a_rebuild(
    home: Path, tmp_path: Path
) -> None:
    settings = settings_of(home)
    origins = [row[0] for row in read(settings, "select cutoff_on from forecast_origins")]
    assert len(origins) > 20

    land_invented(home, tmp_path / "source_data", until=NEXT_DAY)
    ingest(settings)
    assert origins_built(settings) == [NEXT_DAY]

    land_late_file(settings)
    ingest(settings)
    assert origins_built(settings)
    assert min(origins_built(settings)) >= LATE_DAY
    assert max(origins_built(settings)) == NEXT_DAY

    ingest(settings)
    assert origins_built(settings) == []

    step_by_step = tmp_path / "step_by_step.duckdb"
    shutil.copy2(settings.warehouse_file, step_by_step)
    ingest(settings, full_refresh=True)
    assert every_origin_was_built(settings)
    assert_holds_the_same(settings, step_by_step)

    with warehouse(settings) as connection:
        assert rebuilds(connection) == ()
        for statement in OLDER_HOME:
            connection.execute(statement)
        assert rebuilds(connection) == (LINES, FEATURES)
    ingest(settings)
    assert every_origin_was_built(settings)
    assert_holds_the_same(settings, step_by_step)
    with warehouse(settings) as connection:
        assert rebuilds(connection) == ()
