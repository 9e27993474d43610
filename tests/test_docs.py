"""The documents agree with each other, with the command line and with dbt's graph."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

from dagster_project.cli import EXIT_CODES, app
from dagster_project.forecasting.backtest import (
    WEEKS_BEFORE_FIRST_ORIGIN,
    BacktestPlan,
    weeks_needed,
)
from dagster_project.landing.file import FORMATS
from dagster_project.publishing import read_ports
from dagster_project.settings import CHECKOUT, DBT_PROJECT
from dagster_project.sources import ENTITIES, FORECAST_KEYS, SOURCE_KEYS
from tests.command_line import execute
from tests.test_readme import BIN, README

DECISIONS = sorted((CHECKOUT / "docs" / "decisions").glob("*.md"))
OPERATION = CHECKOUT / "docs" / "operation.md"
SOURCES = CHECKOUT / "docs" / "sources.md"
OWN = CHECKOUT / "docs" / "own_a_data_product.md"
CONSUMERS = CHECKOUT / "docs" / "consumers.md"
PAGES = [
    *(README, OPERATION, SOURCES, OWN, CONSUMERS),
    *(CHECKOUT / "CONTRIBUTING.md", CHECKOUT / "CHANGELOG.md"),
    CHECKOUT / "examples" / "replenishment" / "README.md",
    *(CHECKOUT / "benchmarks" / "README.md", CHECKOUT / "docs" / "ml_test_score.md"),
    *sorted((CHECKOUT / "data_products").rglob("*.md")),
]
BOTH_SOURCES = {
    "sources": {
        "complete_journey": ["sales_events", "products", "stores", "promotions"],
        "online_retail": ["sales_events"],
    }
}


@pytest.fixture(scope="module")
def commands() -> dict[str, Any]:
    """The commands of `meshcast` by name."""
    group: Any = typer.main.get_command(app)
    return dict(group.commands)


@pytest.mark.parametrize("record", DECISIONS, ids=lambda record: record.stem)
def test_a_decision_has_title_status_context_decision_and_consequences(record: Path) -> None:
    text = record.read_text()
    number = int(record.name.partition("-")[0])
    assert text.startswith(f"# {number}. ")
    assert re.search(r"^Status: \w+, \d{4}-\d{2}-\d{2}$", text, re.MULTILINE)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert len(text.splitlines()) <= 60


def test_the_ml_test_score_adds_up_and_its_evidence_exists() -> None:
    text = (CHECKOUT / "docs" / "ml_test_score.md").read_text()
    sums = {}
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        scores = re.findall(r"^\| [^|]+ \| ([01]) \|(.*)\|(.*)\|$", section, re.MULTILINE)
        assert len(scores) == 7
        assert all("`tests/" in evidence for score, evidence, _ in scores if score == "1")
        sums[section.partition("\n")[0].lower()] = sum(int(score) for score, _, _ in scores)
    told = ", ".join(f"{name} {total}" for name, total in sums.items())
    assert f"**{told.capitalize()}: the final score is {min(sums.values())}**" in text
    for file, test in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text):
        assert f"def {test}(" in (CHECKOUT / file).read_text(), f"{file}::{test}"


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(record.name.partition("-")[0]) for record in DECISIONS]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("page", [*PAGES, *DECISIONS], ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)[^)]*\)", page.read_text())
    assert not [target for target in targets if not (page.parent / target).exists()]


def test_the_changelog_has_the_current_version() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    assert f"\n## {project['version']}\n" in (CHECKOUT / "CHANGELOG.md").read_text()


def test_the_readme_lists_exactly_the_commands_there_are(commands: dict[str, Any]) -> None:
    rows = re.findall(r"^\| (`meshcast .*?) \|", README.read_text(), re.MULTILINE)
    listed = [name for row in rows for name in re.findall(r"`meshcast ([\w-]+)`", row)]
    assert sorted(listed) == sorted(commands)


def test_the_readme_names_every_published_table() -> None:
    used = README.read_text().partition("## Use the data")[2].partition("\n## ")[0]
    assert not [port.relation for port in read_ports() if f"`{port.relation}`" not in used]


def test_the_readme_tells_the_exit_codes_of_the_command_line() -> None:
    told = README.read_text().partition("Exit codes: ")[2].partition("Schedules")[0]
    codes = re.compile(r"(?:^|; ?\n?)(\d) ")
    assert codes.findall(told) == codes.findall(EXIT_CODES.removeprefix("Exit codes: "))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_are_written_as_the_command_line_takes_them(
    page: Path, commands: dict[str, Any]
) -> None:
    shown = re.findall(r"^(meshcast [^\n]*)$", page.read_text(), re.MULTILINE)
    for line in (line for line in shown if line != "meshcast"):
        if line.split()[1] not in commands and page == README:
            continue  # prose that starts with the project's name
        _, name, *arguments = shlex.split(line, comments=True)
        commands[name].make_context(name, arguments)


def test_every_setting_of_the_environment_is_documented() -> None:
    code = (CHECKOUT / "dagster_project" / "settings.py").read_text()
    documented = re.findall(r"^\| `(MESHCAST_\w+)`", OPERATION.read_text(), re.MULTILINE)
    assert sorted(documented) == sorted(set(re.findall(r'"(MESHCAST_\w+)"', code)))


def test_the_weeks_of_sales_that_are_enough_are_the_same_everywhere() -> None:
    model = (DBT_PROJECT / "models" / "features" / "forecast_origins.sql").read_text()
    (weeks,) = re.findall(r"set weeks_before_first_origin = (\d+)", model)
    assert int(weeks) + 1 == WEEKS_BEFORE_FIRST_ORIGIN  # up to six days more, to the weekly cutoff
    needed = weeks_needed(BacktestPlan(), horizon_days=28)
    assert f"forecasts once {needed} weeks are there" in README.read_text()


@pytest.mark.parametrize("name", [*SOURCE_KEYS, *FORECAST_KEYS, *ENTITIES, *FORMATS])
def test_everything_a_source_may_declare_or_land_is_documented(name: str) -> None:
    text = SOURCES.read_text()
    assert f"`{name.removesuffix('.gz')}`" in text
    assert not name.endswith(".gz") or "`.gz`" in text


def test_dbt_documents_every_model_and_every_column(home: Path) -> None:
    execute(
        [
            *(str(BIN / "dbt"), "docs", "generate"),
            *("--project-dir", "dbt_project", "--profiles-dir", "profiles"),
            *("--vars", json.dumps(BOTH_SOURCES)),
        ],
        home,
    )
    target = home / "dbt" / "embedded"
    manifest = json.loads((target / "manifest.json").read_text())
    catalog = json.loads((target / "catalog.json").read_text())
    models = {
        key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"
    }
    undescribed = []
    for key, node in models.items():
        described = {name for name, column in node["columns"].items() if column["description"]}
        built = set(catalog["nodes"][key]["columns"]) if key in catalog["nodes"] else set()
        undescribed += [node["name"]] if not node["description"] else []
        undescribed += [
            f"{node['name']}.{name}" for name in (built | set(node["columns"])) - described
        ]
    assert not undescribed
    assert set(models) & set(catalog["nodes"])


def test_dbt_documents_what_a_source_lands(home: Path) -> None:
    execute(
        [
            *(str(BIN / "dbt"), "parse"),
            *("--project-dir", "dbt_project", "--profiles-dir", "profiles"),
        ],
        home,
    )
    manifest = json.loads((home / "dbt" / "embedded" / "manifest.json").read_text())
    undescribed = [
        f"{source['name']}.{name}"
        for source in manifest["sources"].values()
        for name, column in {"": source, **source["columns"]}.items()
        if not column["description"]
    ]
    assert manifest["sources"]
    assert not undescribed
