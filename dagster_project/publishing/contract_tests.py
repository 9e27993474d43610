"""`datacontract test`, the public tool that consumers use, on the files of a candidate.

Its servers in the contracts have paths that start at MESHCAST_HOME. It is given copies whose paths
are absolute and lead to the candidate: the same files that become current.
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from dagster_project.contracts.contract import SPANS, read_contracts
from dagster_project.publishing.current import CANDIDATE, current_publication
from dagster_project.publishing.failing_rows import message_without_rows
from dagster_project.publishing.live import LIVE
from dagster_project.publishing.manifest import Publication, read_manifest
from dagster_project.publishing.test_result import TestResult
from dagster_project.settings import CHECKOUT, Settings

PUBLISHED = "published/"
CURRENT = "published/current/"

CONTRACT_TESTS = "datacontract_"
"""What the names of these tests begin with; the contract's id and the server follow."""

CHECKS = {"duckdb": "schema,quality,servicelevel", "parquet": "schema"}
"""What is tested on which server. The rules in SQL need all rows: those of the port file."""

UNKNOWN_TYPES = {"TIMESTAMP WITH TIME ZONE": "TIMESTAMP_TZ"}
"""Types of DuckDB's that the tool cannot create a table with, and what it calls them."""

NOT_TESTED = ("field_type", "field_physical_type")
"""Checks that the tool skips on Parquet, with a warning; it makes them on the port file."""

ERRORS = ("Error", "Could not")
"""How the tool begins to tell an error of DuckDB's, which may quote a row; else it tells counts."""


def contract_tests(settings: Settings) -> list[TestResult]:
    """Test every contract on the candidate, on both servers, in one process.

    Parquet files that an earlier publication has, tested under the same contract, are not read
    again: they cannot have changed. Staleness is a warning: it is no reason to withhold newer data.

    Raises:
        RuntimeError: the tool did not get as far as testing; carries its own words.
    """
    folder = (settings.published / CANDIDATE).resolve()
    lateness = (datetime.now(UTC).date() - settings.today).days
    with tempfile.TemporaryDirectory(prefix="contracts-") as temporary:
        new = Path(temporary) / "new"
        link_untested(folder, read_manifest(folder), current_publication(settings), new)
        (new / LIVE).symlink_to(settings.published / LIVE)
        arguments = []
        for contract in read_contracts():
            document = yaml.safe_load(contract.file.read_text(encoding="utf-8"))
            for server, place in (("duckdb", folder), ("parquet", new)):
                if server not in {declared["server"] for declared in document["servers"]}:
                    continue  # a contract that promises no Parquet is not tested on it
                file = Path(temporary) / f"{contract.id}.{server}.yaml"
                told = resolved(document, server, place=place, lateness=lateness)
                file.write_text(yaml.safe_dump(told, sort_keys=False), encoding="utf-8")
                checks = CHECKS[server]
                if contract.is_live:  # refreshed after this, so how fresh it is says nothing yet
                    checks = checks.removesuffix(",servicelevel")
                arguments.append(f"{file}={server}={checks}")
        return run_public_tool(arguments)


def resolved(
    document: Mapping[str, Any], server: str, *, place: Path, lateness: int
) -> dict[str, Any]:
    """The contract with one server, whose paths are absolute, as the tool can test it.

    Args:
        document: the contract as it stands in its file.
        server: name of the server that is tested.
        place: the folder of the publication, instead of published/ and published/current/.
        lateness: days that the clock, which the tool goes by, is ahead of the deployment's today.
    """
    told = copy.deepcopy(dict(document))
    chosen = next(item for item in told["servers"] if item["server"] == server)
    for key in ("database", "path"):
        if key in chosen:
            below = chosen[key].removeprefix(CURRENT).removeprefix(PUBLISHED)
            below = below.removeprefix("restricted/") if key == "path" else below
            chosen[key] = f"{place}/{below}"
    told["servers"] = [chosen]
    for promise in told.get("slaProperties", []):
        if promise["property"] == "freshness":  # a promise of whole days holds to the day's end
            promise["value"] += timedelta(days=lateness + 1) // SPANS[promise["unit"]]
    if server == "parquet":
        for table in told["schema"]:
            for column in table["properties"]:
                kind = column["physicalType"]
                column["physicalType"] = UNKNOWN_TYPES.get(kind, kind)
                if column["logicalType"] == "array":  # Parquet has lists, not arrays of a length
                    del column["physicalType"]
    return told


def link_untested(
    folder: Path, candidate: Publication, before: Publication | None, target: Path
) -> None:
    """Give each table a folder with links to its files that no earlier test has read.

    A table that has none gets its last one, so that there is something to test it on.
    """
    for relation, manifest in candidate.ports.items():
        earlier = before.ports.get(relation) if before else None
        same = earlier is not None and earlier.contract_version == manifest.contract_version
        tested = {data.sha256 for data in earlier.files} if earlier and same else set()
        untested = [data for data in manifest.files if data.sha256 not in tested]
        place = target / relation
        place.mkdir(parents=True)
        for data in untested or manifest.files[-1:]:
            (place / Path(data.path).name).symlink_to(folder / data.path)


def run_public_tool(arguments: Sequence[str]) -> list[TestResult]:
    """Run the tool on contracts; one result for each, and one for each check that did not pass.

    Args:
        arguments: `file=server=categories`, as contracts.public_tool takes them.

    Raises:
        RuntimeError: it ended before its last contract.
    """
    ran = subprocess.run(
        [sys.executable, "-m", "dagster_project.contracts.public_tool", *arguments],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = ran.stdout.splitlines()
    if ran.returncode or len(lines) != len(arguments):
        raise RuntimeError(
            f"datacontract test: expected results of {len(arguments)} contracts, found "
            f"{len(lines)}:\n{ran.stderr}"
        )
    return [result for line in lines for result in _results(json.loads(line))]


def _results(found: Mapping[str, Any]) -> Iterator[TestResult]:
    """What the tool found of one contract on one server."""
    name = f"{CONTRACT_TESTS}{Path(found['file']).name.split('.')[0]}_{found['server']}"
    checks = [
        check
        for check in found["checks"]
        if not (check["result"] == "warning" and check["type"] in NOT_TESTED)
    ]
    failed = [check for check in checks if check["result"] != "passed"]
    for check in failed:
        is_warning = check["result"] == "warning" or check["category"] == "servicelevel"
        is_error = check["reason"].startswith(ERRORS)
        reason = check["reason"]
        yield TestResult(
            name=f"{name}: {check['model']} {check['name']}".replace("  ", " "),
            status="warn" if is_warning else "fail",
            failures=None,
            message=message_without_rows("error", reason) if is_error else reason,
        )
    if not failed:
        yield TestResult(name, "pass" if checks else "error", 0, f"{len(checks)} checks")
