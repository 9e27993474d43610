"""The project as dbt's own command sees it: what it says, where it writes, what a mistake gives."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dagster_project.assets import dbt
from dagster_project.settings import Settings
from tests.command_line import execute, meshcast

DBT = Path(sys.executable).parent / "dbt"
MODEL = "dbt_project/models/observability/loads"


def files_in(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


def test_dbt_writes_into_the_home_and_is_silent_about_that_deprecation_only(
    checkout: Path, tmp_path: Path
) -> None:
    declared = checkout / f"{MODEL}.yml"
    declared.write_text(declared.read_text().replace("columns:", "columns: []\n    columns:", 1))
    before = files_in(checkout)
    parse = [str(DBT), "parse", "--project-dir", "dbt_project", "--profiles-dir", "profiles"]
    ran = execute(parse, tmp_path / "home", checkout=checkout)
    told = [line for line in ran.stdout.splitlines() if "Deprec" in line]
    assert len(told) == 1, ran.stdout
    assert "DuplicateYAMLKeysDeprecation" in told[0]
    assert files_in(checkout) == before
    assert (tmp_path / "home" / "dbt" / "embedded" / "manifest.json").exists()


def test_without_a_home_a_plain_dbt_in_the_checkout_works_in_the_one_that_meshcast_has(
    checkout: Path, tmp_path: Path
) -> None:
    compiled = [str(DBT), "compile", "--inline", "select {{ home_path('landed') }}"]
    place = ["--project-dir", "dbt_project", "--profiles-dir", "profiles"]
    ran = execute(
        ["env", "-u", "MESHCAST_HOME", *compiled, *place], tmp_path / "unused", checkout=checkout
    )
    assert "select '.meshcast/' || landed" in ran.stdout
    home = checkout / ".meshcast"
    assert (home / "warehouse" / "sales.duckdb").exists()
    assert (home / "dbt" / "embedded" / "manifest.json").exists()


def test_a_project_that_dbt_cannot_parse_ends_in_its_words_and_exit_code_1(
    checkout: Path, tmp_path: Path
) -> None:
    model = checkout / f"{MODEL}.sql"
    model.write_text("select * from {{ ref('loads_of_nothing') }}\n")
    ended = meshcast(tmp_path / "home", "run", checkout=checkout, expect=1)
    assert "dbt parse failed" in ended.stderr
    assert "loads_of_nothing" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_project_is_parsed_again_when_its_content_or_its_deployment_differs(
    checkout: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = []

    def run_dbt(settings: Settings, command: str) -> None:
        commands.append(command)
        (dbt.dbt_folder(settings) / "manifest.json").write_text("{}")

    monkeypatch.setattr(dbt, "DBT_PROJECT", checkout / "dbt_project")
    monkeypatch.setattr(dbt, "_run_dbt", run_dbt)

    def parses(settings: Settings) -> int:
        before = len(commands)
        dbt.prepare_manifest(settings)
        return len(commands) - before

    assert (parses(settings), parses(settings)) == (1, 0)
    declared = checkout / f"{MODEL}.yml"
    declared.write_text(declared.read_text() + "# of a version with its own times\n")
    os.utime(declared, (0, 0))
    assert (parses(settings), parses(settings)) == (1, 0)
    declared.unlink()
    assert (parses(settings), parses(settings)) == (1, 0)
    other = replace(settings, sources=("online_retail",))
    assert (parses(other), parses(other)) == (1, 0)
    assert commands == ["parse"] * 4


def test_a_run_names_no_target_so_that_dbt_parses_nothing_again(settings: Settings) -> None:
    # dbt keeps what it parsed for the very --target it was called with: 7 s for another, or none.
    assert dbt.dbt_resource(settings).target is None
