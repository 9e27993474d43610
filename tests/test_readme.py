"""The README is true: its commands run, its snippets read, the files it shows are the files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest

from dagster_project.settings import CHECKOUT
from tests.command_line import execute

README = CHECKOUT / "README.md"
EXAMPLE = CHECKOUT / "examples" / "bring_your_own"
BIN = Path(sys.executable).parent
KNOWN_COMMANDS = ("make", "meshcast", "dbt", "export", "mkdir", "cp")
DEPLOYS_THE_EXAMPLE = "export MESHCAST_HOME"


def blocks(language: str) -> list[str]:
    """The README's code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)


def shell_lines() -> list[str]:
    """Every command of the README's shell blocks, without comments."""
    lines = [line.partition(" #")[0].strip() for text in blocks("sh") for line in text.splitlines()]
    return [line for line in lines if line]


def one(found: list[str]) -> str:
    """The only one of a list."""
    assert len(found) == 1, f"expected one, found {len(found)}"
    return found[0]


@pytest.fixture
def published_checkout(
    published_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The folder we are in, with a published home at `.meshcast`."""
    (tmp_path / ".meshcast").symlink_to(published_home)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_readme_is_shorter_than_150_lines() -> None:
    assert len(README.read_text().splitlines()) < 150


def test_no_command_of_the_readme_is_one_that_these_tests_do_not_know() -> None:
    unknown = [line for line in shell_lines() if line.split()[0] not in KNOWN_COMMANDS]
    assert not unknown
    assert {"make run", "make test"} <= set(shell_lines())


def test_every_language_of_a_block_is_one_that_is_tried() -> None:
    languages = set(re.findall(r"^```(\w+)$", README.read_text(), re.MULTILINE))
    assert languages <= {"sh", "sql", "python", "yaml", "text"}


@pytest.mark.parametrize("line", [line for line in shell_lines() if line.startswith("make")])
def test_make_has_the_target_and_its_recipe_calls_what_exists(line: str) -> None:
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    ran = subprocess.run(
        ["make", "-n", *line.split()[1:]],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    called = set(re.findall(r"^\.venv/bin/(\S+)", ran.stdout, re.MULTILINE))
    assert called
    assert not [name for name in called if not (BIN / name).exists()]


def test_the_meshcast_commands_run_on_a_published_home(published_home: Path) -> None:
    example = one([text for text in blocks("sh") if DEPLOYS_THE_EXAMPLE in text])
    lines = [
        line
        for line in shell_lines()
        if line.startswith(("meshcast", "dbt")) and line not in example
    ]
    assert lines
    for line in lines:
        ran = execute(["bash", "-euc", line], published_home, PATH=f"{BIN}:{os.environ['PATH']}")
        assert ran.stdout.count("\n") > 1


@pytest.mark.usefixtures("published_checkout")
def test_the_sql_reads_what_is_published() -> None:
    text = one([text for text in blocks("sql") if "{{" not in text])
    with duckdb.connect() as connection:
        for statement in filter(None, (part.strip() for part in text.split(";"))):
            rows = connection.execute(statement).fetchall()
            if statement.startswith("select"):
                assert rows[0][0] > 0


def test_the_python_reads_what_is_published(published_checkout: Path) -> None:
    text = one(blocks("python")) + "assert len(recent) > 0\n"
    subprocess.run([sys.executable, "-W", "error", "-c", text], cwd=published_checkout, check=True)


def test_the_lines_an_analyst_writes_are_the_files_of_the_example() -> None:
    declaration = one(blocks("yaml"))
    model = one([text for text in blocks("sql") if "{{" in text])
    assert declaration == (EXAMPLE / "corner_shop.yml").read_text()
    assert model == (EXAMPLE / "stg_corner_shop__sales_events.sql").read_text()


def test_the_example_builds_and_tells_an_open_day_without_sales_from_a_closed_one(
    checkout: Path, tmp_path: Path
) -> None:
    commands = one([text for text in blocks("sh") if DEPLOYS_THE_EXAMPLE in text])
    execute(
        ["bash", "-euc", commands],
        tmp_path / "not_used",
        checkout=checkout,
        HOME=str(tmp_path),
        PATH=f"{BIN}:{os.environ['PATH']}",
    )
    warehouse_file = tmp_path / "corner_shop" / "warehouse" / "sales.duckdb"
    with duckdb.connect(str(warehouse_file), read_only=True) as connection:
        opened = connection.execute("select store_id, day_on from open_days").fetchall()
        sold = connection.execute(
            "select product_id, units_sold::integer from daily_sales_v1"
            " where store_id = 'harbour' and sold_on = '2024-03-03' order by 1"
        ).fetchall()
        refused = connection.execute("select count(*) from sales_events_quarantined").fetchall()
    first, third = date(2024, 3, 1), date(2024, 3, 3)
    assert set(opened) == {(shop, day) for shop in ("harbour", "station") for day in (first, third)}
    assert sold == [("bread", 0), ("milk", 0)]
    assert refused == [(0,)]
    assert not (tmp_path / "not_used").exists()
