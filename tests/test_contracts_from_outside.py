"""A reader holds us to the committed contracts with the public tool alone, in the home's folder."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dagster_project.contracts.contract import read_contracts
from dagster_project.settings import CHECKOUT
from tests.test_readme import BIN

SERVERS = ("duckdb", "parquet")
CONTRACTS = {contract.id: contract.file for contract in read_contracts()}


@pytest.fixture(scope="module")
def found(published_home: Path) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Every check that the tool makes, by contract and server; the files are given as they are."""
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "dagster_project.contracts.public_tool"),
            *(
                f"{file}={server}=schema,quality,servicelevel"
                for file in CONTRACTS.values()
                for server in SERVERS
            ),
        ],
        cwd=published_home,
        env={"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    ids = {str(file): name for name, file in CONTRACTS.items()}
    return {(ids[line["file"]], line["server"]): line["checks"] for line in lines}


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_public_tool_passes_on_what_is_published(
    found: dict[tuple[str, str], list[dict[str, Any]]], contract: str, server: str
) -> None:
    checks = found[contract, server]
    # The tool goes by the clock, and the invented lines are of 2017.
    others = [check for check in checks if check["type"] != "servicelevel_freshness"]
    assert len(others) == len(checks) - 1
    # It compares types through DuckDB's port file only, and says so.
    untold = "field_type" if server == "parquet" else ""
    assert {
        (check["name"], check["reason"])
        for check in others
        if check["result"] != "passed" and (check["result"], check["type"]) != ("warning", untold)
    } == set()
    assert {"field_is_present", "field_required"} < {check["type"] for check in others}


def test_the_command_that_readers_are_told_ends_well_on_a_contract_with_vectors_and_moments(
    published_home: Path,
) -> None:
    page = (CHECKOUT / "docs" / "consumers.md").read_text()
    command = "datacontract test --server parquet --checks properties,quality"
    assert command in page
    ran = subprocess.run(
        [BIN / "datacontract", *command.split()[1:], CONTRACTS["sales-forecast-v1"]],
        cwd=published_home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
