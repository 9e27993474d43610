"""The whole path through the real command line: landing files to what a reader sees."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from dagster_project import publishing
from dagster_project.settings import CHECKOUT
from dagster_project.sql_functions import KEY_FILE
from dagster_project.warehouse import port
from tests.command_line import (
    CUTOFF_ON,
    NEXT_DAY,
    copy_checkout,
    copy_home,
    execute,
    invented_sales,
    land_invented,
    meshcast,
    settings_of,
    without_network,
)
from tests.conftest import BuildOnce
from tests.invented import CATEGORIES, STORES, write_online_retail

REAL_RETAIL = Path(
    os.environ.get("MESHCAST_ONLINE_RETAIL")
    or CHECKOUT.parent / "shared" / "data" / "online_retail_by_day"
)
HORIZON_DAYS = 28
SERIES = len(CATEGORIES) * len(STORES)
OLD_DAY = CUTOFF_ON - timedelta(days=30)
LATE_UNITS = 5
PAST_CUTOFF_ON = date(2017, 10, 8)
"""The last weekly origin with six backtest origins before it."""


def ask(home: Path, sql: str) -> list[tuple[Any, ...]]:
    """Query what readers see, restricted ports too."""
    with port(publishing.reader_file(settings_of(home), restricted=True)) as connection:
        return connection.execute(sql).fetchall()


def ask_warehouse(home: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(settings_of(home).warehouse_file), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def content_hashes(home: Path, number: int) -> dict[str, str]:
    publication = publishing.find_publication(settings_of(home), number)
    return {name: manifest.content_hash for name, manifest in publication.ports.items()}


# What one run gives --------------------------------------------------------------------------


def test_the_page_accounts_for_every_invented_line(
    published_home: Path, published_page: dict[str, Any]
) -> None:
    lines = invented_sales(published_home.parent / "source_data")
    known = int((lines["sold_on"] <= CUTOFF_ON).sum())
    assert published_page["rows"] == {
        "read": known,
        "accepted": known,
        "quarantined": 0,
        "duplicate": 0,
        "superseded": 0,
    }
    assert published_page["cutoff_on"] == str(CUTOFF_ON)
    assert published_page["files_rejected"] == 0
    assert published_page["series_forecast"] == SERIES
    assert published_page["series_left_out"] == {
        "excluded_product": len(STORES),
        "sold_in_too_few_weeks": len(STORES),
    }
    assert published_page["gate"]["outcome"] == "passed"
    assert published_page["failed_checks"] == []
    assert len(published_page["sample"]) == 5


def test_a_run_fetches_nothing(published_home: Path, tmp_path: Path) -> None:
    assert not (published_home.parent / "connections.txt").exists()
    assert not (published_home.parent / "person" / ".duckdb").exists()  # DuckDB's own downloads

    tried = tmp_path / "connections.txt"
    code = "import urllib.request; urllib.request.urlopen('http://192.0.2.1')"
    execute([sys.executable, "-c", code], tmp_path, expect=1, **without_network(tried))
    assert tried.read_text().startswith("192.0.2.1: ")


def test_published_daily_sales_are_those_of_the_invented_lines(published_home: Path) -> None:
    lines = invented_sales(published_home.parent / "source_data")
    expected = (
        lines[lines["sold_on"] <= CUTOFF_ON]
        .groupby(["sold_on", "store_id", "product_category"])["quantity"]
        .sum()
        .to_dict()
    )
    published = ask(
        published_home,
        "select sold_on, store_id, product_id, units_sold - units_returned from daily_sales_v1",
    )
    assert {tuple(row[:3]): int(row[3]) for row in published} == expected


def test_the_forecast_has_each_series_on_each_day_after_the_cutoff(published_home: Path) -> None:
    assert ask(
        published_home,
        "select count(*), count(distinct (store_id, product_id)), count(distinct target_on),"
        " min(target_on), max(target_on), min(units_p10 <= units_p90) from sales_forecast_v1",
    ) == [
        (
            SERIES * HORIZON_DAYS,
            SERIES,
            HORIZON_DAYS,
            CUTOFF_ON + timedelta(days=1),
            CUTOFF_ON + timedelta(days=HORIZON_DAYS),
            True,
        )
    ]


def test_the_ladder_of_every_series_in_the_forecast_is_published(published_home: Path) -> None:
    rows = ask(
        published_home,
        "select method, count(distinct (product_id, store_id)) from sales_forecast_v1 group by all",
    )
    methods = dict(rows)
    ladder = ask(
        published_home,
        "select rung, sum(published_series), count(*), min(days), count(rmsse), count(value_added)"
        " from forecast_value_added_v1 where slice = 'series' group by all",
    )
    series = sum(methods.values())
    assert {row[0]: row[1] for row in ladder} == {
        rung: methods.get(rung, 0)
        for rung in ("naive", "seasonal_naive", "weekday_average", "model")
    }
    for rung, _, count, days, scored, gains in ladder:
        assert (count, scored, gains) == (series, series, 0 if rung == "naive" else series)
        assert days > 28
    overall = ask(
        published_home,
        "select series, days, model_version from forecast_value_added_v1 where slice = 'overall'",
    )
    version = ask(published_home, "select distinct model_version from sales_forecast_v1")[0][0]
    assert len(overall) == 4
    assert {(row[0], row[2]) for row in overall} == {(series, version)}


def test_another_process_reads_the_port_with_sql_python_and_parquet(published_home: Path) -> None:
    settings = settings_of(published_home)
    code = (
        "import sys, duckdb, pandas as pd\n"
        "file, folder = sys.argv[1:]\n"
        "rows = duckdb.connect(file, read_only=True).sql('from sales_forecast_v1').df()\n"
        "parquet = pd.read_parquet(folder)\n"
        "print(len(rows), len(parquet), float(parquet.units_mean.sum()) - rows.units_mean.sum())"
    )
    folder = settings.published / "current" / "sales_forecast" / "v1"
    files = sorted(folder.glob("*.parquet"))
    assert len(files) == 1
    ran = subprocess.run(
        [sys.executable, "-c", code, str(publishing.reader_file(settings)), str(files[0])],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = str(SERIES * HORIZON_DAYS)
    assert ran.stdout.split()[:2] == [rows, rows]
    assert abs(float(ran.stdout.split()[2])) < 1e-6
    counted = meshcast(published_home, "query", "select count(*) as n from sales_forecast_v1")
    assert counted.stdout.split() == ["n", rows]


# What comes next ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def grown(build_once: BuildOnce, published_home: Path) -> Path:
    """The published home after a run without anything new, and one after another day.

    The new day's file also holds a line of an old day; beside it lies a file that is none.
    """

    def make(folder: Path) -> None:
        folder.mkdir()
        home = copy_home(published_home, folder / "home")
        again = meshcast(home, "run", "--today", str(NEXT_DAY), "--json")
        (folder / "again.json").write_text(again.stdout)
        source_data = published_home.parent / "source_data"
        (file,) = (
            path
            for path in land_invented(home, source_data, until=NEXT_DAY)
            if path.parent.name == "sales_events"
        )
        lines = pd.read_parquet(file)
        late = lines.iloc[:1].assign(
            basket_id=1,
            quantity=LATE_UNITS,
            sold_at=lines["sold_at"].iloc[:1] - pd.Timedelta(NEXT_DAY - OLD_DAY),
        )
        pd.concat([lines, late]).to_parquet(file, index=False)
        file.with_name("sales_events_2017-10-12-again.parquet").write_bytes(
            file.read_bytes()[:1000]
        )
        ran = meshcast(home, "run", "--today", "2017-10-15")
        (folder / "page.txt").write_text(ran.stdout)
        (folder / "errors.txt").write_text(ran.stderr)

    return build_once("grown", make)


def test_a_run_without_anything_new_publishes_nothing(
    grown: Path, published_page: dict[str, Any]
) -> None:
    again = json.loads((grown / "again.json").read_text())
    changing = ("seconds", "elapsed_seconds", "port", "today")
    assert {key: value for key, value in again.items() if key not in changing} == {
        key: value for key, value in published_page.items() if key not in changing
    }
    assert [item.number for item in publishing.publications(settings_of(grown / "home"))] == [1, 2]


def test_the_page_shows_stages_figures_and_warnings_and_nothing_else(grown: Path) -> None:
    page = (grown / "page.txt").read_text()
    lines = page.splitlines()
    stages = [line for line in lines if line.startswith("done ")]
    assert lines[: len(stages)] == stages
    assert len(stages) == 6
    assert "publication" in page
    assert "1 rejected" in page
    assert "2017-10-12-again" in page
    assert len(lines) < 40
    assert (grown / "errors.txt").read_text() == ""
    assert "Finished running" in (grown / "home" / "last_run.log").read_text()


def test_a_warning_says_what_was_found_and_the_command_it_names_shows_it(grown: Path) -> None:
    page = (grown / "page.txt").read_text()
    (warning,) = re.findall(r"check no_landed_file_is_rejected of rejected_files: (.*)", page)
    found, command = re.fullmatch(r"(.*)\. `(.*)` shows up to five\.", warning).groups()
    assert found.startswith("failing rows: 1, first: file_id ")
    assert "entity sales_events, path sales_events_2017-10-12-again.parquet" in found
    shown = execute(["bash", "-euc", command], grown / "elsewhere")
    assert "2017-10-12-again" in shown.stdout
    assert not (grown / "elsewhere").exists()


def test_a_new_day_makes_a_publication_with_a_forecast_one_day_on(grown: Path) -> None:
    first, second = publishing.publications(settings_of(grown / "home"))
    assert (first.cutoff_on, second.cutoff_on) == (CUTOFF_ON, NEXT_DAY)
    assert ask(grown / "home", "select min(target_on), count(*) from sales_forecast_v1") == [
        (NEXT_DAY + timedelta(days=1), SERIES * HORIZON_DAYS)
    ]
    assert ask(
        grown / "home",
        "select cutoff_on, count(*) from sales_forecast_history_v1 group by all order by all",
    ) == [(CUTOFF_ON, SERIES * HORIZON_DAYS), (NEXT_DAY, SERIES * HORIZON_DAYS)]


def test_months_without_a_change_are_shared_between_publications(grown: Path) -> None:
    settings = settings_of(grown / "home")
    first, second = (
        {
            file.name: file.stat().st_ino
            for file in publishing.publication_folder(settings, number).glob(
                "daily_sales/v1/*.parquet"
            )
        }
        for number in (1, 2)
    )
    changed = {name for name in first if first[name] != second[name]}
    assert len(first) == 10
    assert len(changed) == 2
    for month in (f"{OLD_DAY:%Y-%m}", f"{NEXT_DAY:%Y-%m}"):
        assert any(month in name for name in changed)


def test_a_late_line_counts_for_its_day_from_then_on_and_not_before(
    grown: Path, published_home: Path
) -> None:
    units = f"select sum(units_sold) from daily_sales_v1 where sold_on = date '{OLD_DAY}'"
    before, after = ask(published_home, units)[0][0], ask(grown / "home", units)[0][0]
    assert after == before + LATE_UNITS
    as_known = (
        f"select sum(units_sold) from daily_sales_changes where sold_on = date '{OLD_DAY}'"
        " and known_on <= date "
    )
    assert ask_warehouse(grown / "home", f"{as_known}'{CUTOFF_ON}'") == [(before,)]
    assert ask_warehouse(grown / "home", f"{as_known}'{NEXT_DAY}'") == [(after,)]


def test_a_forecast_once_published_never_changes(grown: Path, published_home: Path) -> None:
    mean = "select store_id, product_id, target_on, units_mean from "
    assert ask(
        grown / "home",
        f"{mean} sales_forecast_history_v1 where cutoff_on = date '{CUTOFF_ON}' order by all",
    ) == ask(published_home, f"{mean} sales_forecast_v1 order by all")


def test_a_rollback_brings_back_what_was_published_before(grown: Path, tmp_path: Path) -> None:
    home = copy_home(grown / "home", tmp_path / "home")
    meshcast(home, "rollback", "--to", "1", "--reason", "the new day was wrong")
    assert content_hashes(home, 3) == content_hashes(home, 1)
    assert ask(home, "select min(target_on) from sales_forecast_v1") == [(NEXT_DAY,)]
    state = json.loads(meshcast(home, "status", "--json").stdout)
    assert any("the new day was wrong" in line for line in state["needs_attention"])
    meshcast(home, "resume")
    state = json.loads(meshcast(home, "status", "--json").stdout)
    assert not any("paused" in line for line in state["needs_attention"])


# Other ways in -----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def through_dagster(build_once: BuildOnce, published_home: Path) -> Path:
    """The landing of `published_home` in a home of its own, first through dbt, then Dagster's jobs.

    The key of the customer hash is an input, so it is copied; the number of threads is another one.
    """

    def make(folder: Path) -> None:
        home = folder / "home"
        shutil.copytree(published_home / "landing", home / "landing")
        shutil.copy2(published_home / KEY_FILE, home / KEY_FILE)
        meshcast(home, "land")
        execute(
            [
                *(settings_of(home).dbt_executable, "build"),
                *("--project-dir", "dbt_project", "--profiles-dir", "profiles"),
            ],
            home,
        )
        counts = ask_warehouse(
            home,
            "select (select count(*) from sales_forecast_v1), (select count(*) from"
            " sales_forecast_history_v1), (select count(*) from daily_sales_v1) > 0",
        )
        is_published = (home / "published" / "current").exists()
        (folder / "after_dbt.json").write_text(json.dumps([*counts[0], is_published]))
        jobs = [sys.executable, "-m", "tests.dagster_jobs"]
        publish = f"forecast_and_publish={NEXT_DAY}"
        execute([*jobs, "ingest", "retrain", publish], home, OMP_NUM_THREADS="1")
        backfill = f"backfill_forecasts={PAST_CUTOFF_ON + timedelta(days=1)}"
        execute([*jobs, backfill, publish], home)

    return build_once("through_dagster", make) / "home"


def test_a_plain_dbt_build_passes_before_any_model_was_trained(through_dagster: Path) -> None:
    found = json.loads((through_dagster.parent / "after_dbt.json").read_text())
    assert found == [0, 0, True, False]


def test_dagsters_jobs_on_one_thread_give_what_the_command_line_gave(
    through_dagster: Path, published_home: Path
) -> None:
    assert content_hashes(through_dagster, 1) == content_hashes(published_home, 1)
    models = "select model_version, features from state.model_versions where is_champion"
    assert ask_warehouse(through_dagster, models) == ask_warehouse(published_home, models)


def test_a_backfill_is_a_marked_vintage_and_changes_nothing_that_is_live(
    through_dagster: Path,
) -> None:
    first, second = (content_hashes(through_dagster, number) for number in (1, 2))
    assert {name for name in first if first[name] != second[name]} == {
        "sales_forecast_explained_v1",
        "sales_forecast_history_v1",
    }
    assert ask(
        through_dagster,
        "select cutoff_on, is_backfill, count(*), split_part(min(model_version), '-', 3)"
        " from sales_forecast_history_v1 group by all order by cutoff_on",
    ) == [
        (PAST_CUTOFF_ON, True, SERIES * HORIZON_DAYS, f"{PAST_CUTOFF_ON:%d}"),
        (CUTOFF_ON, False, SERIES * HORIZON_DAYS, f"{CUTOFF_ON:%d}"),
    ]
    assert ask_warehouse(
        through_dagster, "select trained_through_on from state.model_versions where is_champion"
    ) == [(CUTOFF_ON,)]


def test_a_backfill_is_the_forecast_that_was_published_when_its_origin_was_new(
    through_dagster: Path, published_home: Path, tmp_path: Path
) -> None:
    home = tmp_path / "then"
    shutil.copytree(published_home.parent / "source_data", tmp_path / "source_data")
    land_invented(home, tmp_path / "source_data", until=PAST_CUTOFF_ON)
    shutil.copy2(published_home / KEY_FILE, home / KEY_FILE)
    meshcast(home, "run", "--today", str(PAST_CUTOFF_ON))
    columns = "* exclude (forecast_version, issued_at, is_backfill)"
    only_now = "exclude (units_paths, category, department, region)"
    order = "order by store_id, product_id, target_on"
    then = ask(home, f"select {columns} from (select * {only_now} from sales_forecast_v1) {order}")
    assert len(then) == SERIES * HORIZON_DAYS
    assert then == ask(
        through_dagster,
        f"select {columns} from sales_forecast_history_v1 where is_backfill {order}",
    )
    reasons = "select * exclude (forecast_version, is_backfill) from sales_forecast_explained_v1"
    assert ask(home, f"{reasons} {order}") == ask(
        through_dagster, f"{reasons} where is_backfill {order}"
    )
    judged = "select verdict, is_backfill, is_champion from state.model_versions where "
    version = f"trained_through_on = date '{PAST_CUTOFF_ON}'"
    assert ask_warehouse(home, judged + version) == [("passed", False, True)]
    assert ask_warehouse(through_dagster, judged + version) == [("passed", True, False)]


# Other sources -----------------------------------------------------------------------------------


def test_online_retail_runs_as_a_deployment_of_its_own(tmp_path: Path) -> None:
    days = 300
    files = write_online_retail(tmp_path / "landing" / "online_retail" / "sales_events", days=days)
    ran = meshcast(tmp_path, "run", "--source", "online_retail", "--today", "2011-10-01", "--json")
    page = json.loads(ran.stdout)
    assert page["sources"] == ["online_retail"]
    assert page["files_accepted"] == len(files)
    assert page["rows"]["duplicate"] == len(files)
    assert page["rows"]["accepted"] == page["rows"]["read"] - len(files)
    assert page["series_forecast"] == 15
    assert ask(tmp_path, "select count(*) from sales_forecast_v1") == [(15 * HORIZON_DAYS,)]


@pytest.mark.skipif(not REAL_RETAIL.is_dir(), reason=f"needs the real data in {REAL_RETAIL}")
def test_the_real_online_retail_runs_whole(tmp_path: Path) -> None:
    folder = tmp_path / "landing" / "online_retail" / "sales_events"
    folder.parent.mkdir(parents=True)
    folder.symlink_to(REAL_RETAIL)
    ran = meshcast(tmp_path, "run", "--source", "online_retail", "--today", "2011-12-10", "--json")
    page = json.loads(ran.stdout)
    assert page["rows"]["read"] == 541_909
    assert page["rows"]["accepted"] == 536_604
    assert page["cutoff_on"] == "2011-12-09"
    assert page["publication"] == 1
    assert ask(tmp_path, "select count(*) from sales_forecast_v1") == [
        (page["series_forecast"] * HORIZON_DAYS,)
    ]


def write_corner_shop(folder: Path, *, days: int) -> None:
    """Daily totals of the example's source, zeros too, in two shops that open from Monday on."""
    random = np.random.default_rng(3)
    folder.mkdir(parents=True)
    for number in range(days):
        day = date(2024, 3, 1) + timedelta(days=number)
        if day.weekday() == 6:
            continue
        lines = [
            f"{day},{shop},{article},{random.poisson(mean * (1.5 if day.weekday() > 3 else 1))}"
            for shop in ("harbour", "station")
            for article, mean in (("bread", 20), ("milk", 6), ("tea", 1))
        ]
        text = "\n".join(["day,shop,article,units", *lines, ""])
        (folder / f"{day}.csv").write_text(text)


def test_a_source_is_brought_with_one_model_and_one_declaration(tmp_path: Path) -> None:
    checkout, home = tmp_path / "checkout", tmp_path / "home"
    copy_checkout(checkout)
    staging = checkout / "dbt_project" / "models" / "staging" / "corner_shop"
    staging.mkdir()
    for example in ("corner_shop.yml", "stg_corner_shop__sales_events.sql"):
        shutil.copy2(CHECKOUT / "examples" / "bring_your_own" / example, staging)
    write_corner_shop(home / "landing" / "corner_shop" / "sales_events", days=308)

    ran = meshcast(
        home,
        *("run", "--source", "corner-shop", "--today", "2025-01-03", "--json"),
        checkout=checkout,
    )
    page = json.loads(ran.stdout)
    assert page["sources"] == ["corner_shop"]
    assert page["rows"]["accepted"] == page["rows"]["read"]
    assert page["series_forecast"] == 6
    assert ask(home, "select count(*) from sales_forecast_v1") == [(6 * HORIZON_DAYS,)]
    zeros = "select count(*) from daily_sales_v1 where units_sold = 0 and product_id = 'tea'"
    assert ask(home, zeros)[0][0] > 50
    sundays = "select count(*) from open_days where isodow(day_on) = 7"
    assert ask_warehouse(home, sundays) == [(0,)]
