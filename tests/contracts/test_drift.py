import shutil
from pathlib import Path

import pytest

from dagster_project.contracts.dbt_models import FOLDER, model_files
from dagster_project.contracts.drift import drifted
from dagster_project.contracts.product import read_products
from dagster_project.settings import DBT_PROJECT

MODEL = FOLDER / "sales_events.yml"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / FOLDER).mkdir(parents=True)
    for file in (DBT_PROJECT / FOLDER).glob("*.yml"):
        shutil.copy(file, tmp_path / FOLDER)
    return tmp_path


def lines(project: Path) -> list[str]:
    return [str(problem) for problem in drifted(model_files(read_products()), project)]


def test_what_sync_wrote_has_not_drifted(project: Path) -> None:
    assert lines(project) == []


@pytest.mark.parametrize(
    ("old", "new", "field", "values"),
    [
        (
            "data_type: varchar",
            "data_type: integer",
            "versions[0].columns[event_id].data_type",
            "expected 'varchar' (the contract), found 'integer'",
        ),
        ("access: public", "access: private", "access", "'public' (the contract), found 'private'"),
        ("group: sales", "group: tills", "config.group", "'sales' (the contract), found 'tills'"),
        ("tags: [data_product]", "tags: []", "config.tags", "['data_product'] (the contract)"),
        (
            "owners: [sales-data@example.com]",
            "owners: [me@example.com]",
            "config.meta.dagster.owners",
            "found ['me@example.com']",
        ),
        (
            "constraints: [{type: not_null, warn_unsupported: false}]",
            "meta: {}",
            "versions[0].columns[event_id].constraints",
            "found 'nothing'",
        ),
        (
            "columns: [source, event_id]",
            "columns: [event_id]",
            "versions[0].data_tests[0].one_row_per.arguments.columns",
            "['source', 'event_id'] (the contract), found ['event_id']",
        ),
        (
            "expression: known_on >= sold_on",
            "expression: 'true'",
            "holds.arguments.expression",
            "'known_on >= sold_on' (the contract), found 'true'",
        ),
    ],
)
def test_a_generated_file_that_drifted_is_told_with_file_field_and_both_values(
    project: Path, old: str, new: str, field: str, values: str
) -> None:
    file = project / MODEL
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    number = next(n for n, line in enumerate(file.read_text().splitlines(), 1) if new in line)
    told = lines(project)
    assert any(
        line.startswith(f"{file}:") and field in line.split(": ")[1] and values in line
        for line in told
    ), told
    if new != "meta: {}":
        assert told[0].startswith(f"{file}:{number}: ")
    assert all("meshcast contracts sync" in line for line in told)


def test_a_column_that_no_contract_promises_and_one_that_is_missing_are_told(project: Path) -> None:
    file = project / MODEL
    file.write_text(file.read_text().replace("- name: event_id", "- name: event_key", 1))
    told = "\n".join(lines(project))
    assert "columns[event_key]: expected 'nothing' (the contract)" in told
    assert "expected event_id (" in told


def test_missing_left_over_and_reformatted_files_are_told(project: Path) -> None:
    (project / MODEL).rename(project / FOLDER / "sales_event_lines.yml")
    daily = project / FOLDER / "daily_sales.yml"
    daily.write_text(daily.read_text().replace("# Change it there.\n", ""))
    told = lines(project)
    assert len(told) == 3
    assert any("sales_events.yml:1: the document: expected this file" in line for line in told)
    assert any("sales_event_lines.yml:1: " in line and "no such file" in line for line in told)
    assert any("daily_sales.yml" in line and "the same in other words" in line for line in told)
