"""Bad input: which test shows what happens to each kind of it, and those that are nowhere else."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dagster_project import publishing
from dagster_project.assets import training
from dagster_project.forecasting.backtest import BacktestPlan
from dagster_project.pipeline import NothingToForecast, run_pipeline
from dagster_project.settings import CHECKOUT
from tests.command_line import CUTOFF_ON, meshcast, settings_of
from tests.invented import write_online_retail

LANDING = "test_landing.py"
CLEANING = "dbt/test_cleaning.py"
END_TO_END = "test_end_to_end.py"
FEATURES = "dbt/test_features.py"
FORECAST = "forecasting/test_forecast.py"
ODD_SERIES = "forecasting/test_odd_series.py"
HERE = "test_bad_input.py"

SHOWN_BY = {
    "truncated file": (LANDING, "test_a_truncated_parquet_file_is_rejected"),
    "foreign file": (
        LANDING,
        "test_a_file_that_cannot_be_used_is_recorded_with_its_reason_and_others_go_on",
    ),
    "the summary tells of rejected files": (
        END_TO_END,
        "test_the_page_shows_stages_figures_and_warnings_and_nothing_else",
    ),
    "wrong encoding": (LANDING, "test_a_byte_that_is_not_utf8_is_named_with_its_position"),
    "folder for a file": (LANDING, "test_a_folder_where_a_file_should_be_is_rejected"),
    "file dated in the future": (
        LANDING,
        "test_a_file_of_the_future_waits_until_its_day_has_come",
    ),
    "required column missing": (
        LANDING,
        "test_a_missing_column_names_the_closest_one_and_what_to_declare",
    ),
    "column renamed": (LANDING, "test_a_renamed_column_is_accepted_as_declared"),
    "extra column": (LANDING, "test_an_extra_column_is_accepted_and_noted"),
    "bad value, null key, date or number out of bounds": (
        CLEANING,
        "test_every_bad_line_is_quarantined_with_its_reason",
    ),
    "original values kept": (CLEANING, "test_quarantine_keeps_the_original_values_as_text"),
    "duplicate line, same event id with other content": (
        CLEANING,
        "test_the_first_line_is_kept_and_what_follows_is_duplicate_or_in_conflict",
    ),
    "the same file again": (HERE, "test_the_same_file_under_another_name_counts_as_duplicates"),
    "declared correction": (
        CLEANING,
        "test_a_declared_correction_moves_units_from_the_day_it_is_known",
    ),
    "product or store unknown": (CLEANING, "test_what_somebody_should_look_into_is_listed"),
    "line of an old day": (
        END_TO_END,
        "test_a_late_line_counts_for_its_day_from_then_on_and_not_before",
    ),
    "published forecast stays": (END_TO_END, "test_a_forecast_once_published_never_changes"),
    "empty file": (LANDING, "test_a_file_with_a_header_only_is_accepted_with_no_rows"),
    "a day without a file": (CLEANING, "test_what_somebody_should_look_into_is_listed"),
    "nothing acceptable": (
        HERE,
        "test_nothing_acceptable_stops_before_training_and_says_what_was_found",
    ),
    "what was published stays": (HERE, "test_too_little_history_leaves_what_is_published"),
    "too little history": (
        HERE,
        "test_too_little_history_stops_before_training_and_says_how_much_is_missing",
    ),
    "a feature column all null, a target of NaN, a constant series, one observation, a series that "
    "ends before the origin": (
        ODD_SERIES,
        "test_an_odd_series_has_a_forecast_for_each_target_day_and_its_width_is_honest",
    ),
    "a quantity of NaN or infinity": (
        CLEANING,
        "test_every_bad_line_is_quarantined_with_its_reason",
    ),
    "a target of infinity": (
        ODD_SERIES,
        "test_a_backtest_refuses_an_infinite_target_by_its_series",
    ),
    "duplicate series keys": (FORECAST, "test_a_duplicate_series_key_is_refused"),
    "a promotion plan that stops before the horizon ends": (
        ODD_SERIES,
        "test_the_days_of_a_plan_that_stops_early_are_forecast_as_with_the_whole_plan",
    ),
    "a holiday calendar of another country": (
        FEATURES,
        "test_holidays_of_another_country_leave_every_series_its_target_days",
    ),
    "a country without holidays that are known": (
        "test_sources.py",
        "test_a_wrong_declaration_is_refused_with_file_field_rule_and_finding",
    ),
    "every active series has one forecast per target day": (
        END_TO_END,
        "test_the_forecast_has_each_series_on_each_day_after_the_cutoff",
    ),
}


def test_each_kind_of_bad_input_has_its_test_and_none_is_skipped() -> None:
    wanted = {f"tests/{file}::{test}" for file, test in SHOWN_BY.values()}
    options = ["--collect-only", "-q", "-p", "no:cacheprovider", "-m", "not (skip or skipif)"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *sorted(wanted)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert {line.partition("[")[0] for line in ran.stdout.splitlines() if "::" in line} == wanted


def test_nothing_acceptable_stops_before_training_and_says_what_was_found(tmp_path: Path) -> None:
    folder = tmp_path / "landing" / "complete_journey" / "sales_events"
    folder.mkdir(parents=True)
    (folder / "sales_events_2017-01-01.parquet").write_text("this is no Parquet")
    ended = meshcast(tmp_path, "run", "--today", "2017-01-02", expect=3)
    told = " ".join(ended.stderr.split())
    assert "no sales line was accepted for complete_journey" in told
    assert "1 files, 1 of them rejected" in told
    assert "Parquet" in told
    assert "<source>/sales_events/" in told
    assert publishing.publications(settings_of(tmp_path)) == []


def test_too_little_history_stops_before_training_and_says_how_much_is_missing(
    tmp_path: Path,
) -> None:
    write_online_retail(tmp_path / "landing" / "online_retail" / "sales_events", days=70)
    ended = meshcast(
        tmp_path, "run", "--source", "online_retail", "--today", "2011-02-10", expect=3
    )
    told = " ".join(ended.stderr.split())
    assert "expected" in told
    assert "found" in told
    assert publishing.publications(settings_of(tmp_path)) == []

    judged = meshcast(tmp_path, "backtest", expect=3, MESHCAST_SOURCES="online_retail")
    assert "44 weeks of sales are enough" in " ".join(judged.stderr.split())
    assert "Traceback" not in judged.stderr


# dagster-dbt itself reads the deprecated name.
@pytest.mark.filterwarnings("ignore:AssetExecutionContext.op is deprecated:DeprecationWarning")
def test_too_little_history_leaves_what_is_published(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(home)
    before = publishing.current_publication(settings)
    for name in ("DAGSTER_HOME", "DAGSTER_DISABLE_TELEMETRY", "MESHCAST_HOME", "MESHCAST_SOURCES"):
        monkeypatch.setenv(name, "")  # set by the run, put back after it
    monkeypatch.setattr(training, "BacktestPlan", lambda: BacktestPlan(reported_cutoffs=40))
    with pytest.raises(NothingToForecast, match="expected"):
        run_pipeline(settings, retrain=True)
    assert publishing.current_publication(settings) == before


def test_the_same_file_under_another_name_counts_as_duplicates(home: Path) -> None:
    folder = home / "landing" / "complete_journey" / "sales_events"
    (file,) = folder.glob(f"*{CUTOFF_ON}*")
    shutil.copy2(file, folder / f"again_{CUTOFF_ON}.parquet")
    ran = meshcast(home, "run", "--today", str(CUTOFF_ON), "--json")
    page = json.loads(ran.stdout)
    assert page["rows"]["duplicate"] == pq.read_metadata(file).num_rows
    first, newest = (
        publishing.find_publication(settings_of(home), number).ports
        for number in (1, page["publication"])
    )
    for relation in ("sales_events_v1", "daily_sales_v1", "sales_forecast_v1"):
        assert first[relation].content_hash == newest[relation].content_hash
