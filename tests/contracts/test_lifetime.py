import re
from dataclasses import fields, replace
from datetime import date, timedelta
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from dagster_project.contracts.contract import read_contracts
from dagster_project.contracts.lifetime import endings, lifetime_problems, notices
from dagster_project.declaration import DeclarationError
from dagster_project.pipeline import run_pipeline
from dagster_project.report import print_summary
from dagster_project.settings import Settings
from dagster_project.summary import RunSummary

LAST = date(2027, 12, 31)


def test_the_first_version_of_daily_sales_ends_and_names_the_second() -> None:
    (ending,) = endings(read_contracts())
    assert (ending.relation, ending.ends_on) == ("daily_sales_v1", LAST)
    assert ending.successor == "daily_sales_v2"


def test_in_its_last_year_an_ending_table_is_announced() -> None:
    contracts = read_contracts()
    assert notices(contracts, date(2018, 1, 1)) == []
    (told,) = notices(contracts, date(2027, 12, 1))
    assert told == "daily_sales_v1 ends on 2027-12-31, in 30 days: read daily_sales_v2"
    assert len(notices(contracts, LAST)) == 1
    assert notices(contracts, LAST + timedelta(days=1)) == []


def test_after_its_end_of_life_a_table_is_a_problem_with_a_way_out() -> None:
    contracts = read_contracts()
    assert list(lifetime_problems(contracts, LAST)) == []
    (problem,) = lifetime_problems(contracts, LAST + timedelta(days=1))
    assert problem.field == "slaProperties[endOfLife].value"
    lines = problem.file.read_text().splitlines()
    assert "2027-12-31" in lines[problem.line - 1]
    assert "consumers read daily_sales_v2" in problem.finding


def test_an_end_of_one_table_is_no_end_of_its_neighbour() -> None:
    (contract,) = (item for item in read_contracts() if item.id == "daily-sales-v1")
    assert contract.ends_on("daily_sales_v1") == LAST
    assert contract.ends_on("likely_stockouts_v1") is None


def test_a_run_after_an_end_of_life_ends_before_it_touches_the_home(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", today=LAST + timedelta(days=1))
    with pytest.raises(DeclarationError, match="an end of life of daily_sales_v1 after today"):
        run_pipeline(settings)
    assert not settings.home.exists()


def test_the_page_of_a_run_warns_of_a_table_that_ends() -> None:
    page = RunSummary(
        **dict.fromkeys((field.name for field in fields(RunSummary)), ""),  # type: ignore[arg-type]
    )
    page = replace(
        page,
        sources=["till"],
        today=date(2027, 12, 1),
        cutoff_on=date(2027, 11, 30),
        files_accepted=1,
        files_rejected=0,
        rebuilt=[],
        rows=dict.fromkeys(("read", "accepted", "quarantined", "duplicate", "superseded"), 1),
        quarantined_by_reason={},
        series_forecast=1,
        series_left_out={},
        gate={"outcome": "passed", "failed": []},
        skill={},
        publication=1,
        forecast_version=1,
        paused=None,
        failed_checks=[],
        ending=notices(read_contracts(), date(2027, 12, 1)),
        seconds={},
        elapsed_seconds=0.0,
        sample=[{"store_id": "s1"}],
    )
    shown = StringIO()
    print_summary(Console(file=shown, width=200), page)
    assert re.search(r"warning +daily_sales_v1 ends on 2027-12-31, in 30 days", shown.getvalue())
