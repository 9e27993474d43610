"""Hold a candidate against every promise, on its own bytes; keep it with its failures if it fails.

dbt runs in a process of its own: inside Dagster's it would keep the candidate's file open, and its
global state would be that of the build.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dagster_project.contracts.expectations import read_expectations
from dagster_project.privacy import private_folder
from dagster_project.publishing.candidate import Candidate
from dagster_project.publishing.contract_tests import contract_tests
from dagster_project.publishing.current import (
    CANDIDATE,
    collect_failures,
    failed_folder,
    point_candidate,
    publications,
)
from dagster_project.publishing.expectations import check_expectations, keep_inside
from dagster_project.publishing.failing_rows import Columns, failing_rows, message_without_rows
from dagster_project.publishing.manifest import AUDIT, write_json
from dagster_project.publishing.port_file import RESTRICTED, RESTRICTED_FILE, write_port_files
from dagster_project.publishing.ports import read_ports
from dagster_project.publishing.test_result import PASSED, TestResult
from dagster_project.settings import (
    DATA_PRODUCTS,
    DBT_PROJECT,
    PROFILES,
    Settings,
    dbt_environment,
)
from dagster_project.sources import dbt_vars
from dagster_project.warehouse import commit_point, port

FAILING_ROWS = f"{RESTRICTED}/{AUDIT}"

TestRunner = Callable[[Settings], Sequence[TestResult]]


class AuditFailed(RuntimeError):
    """A candidate broke a promise; nothing was published.

    Attributes:
        failed: the tests that did not pass.
        folder: where the candidate is kept, with audit.json, and in restricted/ the failing rows.
    """

    def __init__(self, failed: Sequence[TestResult], folder: Path) -> None:
        """Name the failed tests and where to look at their rows."""
        self.failed = tuple(failed)
        self.folder = folder
        names = "; ".join(
            f"{item.name} ({item.failures} rows)"
            if item.failures is not None
            else f"{item.name} ({item.message})"
            for item in failed
        )
        super().__init__(
            f"audit: expected every test to pass on the candidate, failed {names}. Nothing was "
            f"published; {folder / FAILING_ROWS} shows failing rows. Correct their cause and run "
            "again."
        )


def audit(
    settings: Settings, candidate: Candidate, run_tests: TestRunner | None = None
) -> tuple[TestResult, ...]:
    """Run every test of the data products on the candidate's own files.

    Args:
        settings: the deployment.
        candidate: what is to be published.
        run_tests: runs the tests on what published/candidate names; by default dbt's, those of
            the public contract tool, and what consumers rely on.

    Returns:
        The results; they also stand in the publication's audit.json, which everybody may read.
        Rows that a test found stand in restricted/audit.json.

    Raises:
        AuditFailed: a test failed; the candidate is kept under published/failed.
        RuntimeError: the tests could not be run at all; the candidate stays a candidate.
    """
    number = candidate.publication.number
    point_candidate(settings, number)
    results = (*_counted(candidate), *(run_tests or all_tests)(settings))
    failed = [result for result in results if result.status not in PASSED]
    _write_results(candidate, results)
    if failed:
        raise AuditFailed(failed, _set_aside(settings, candidate))
    commit_point("candidate_audited")
    return results


def all_tests(settings: Settings) -> list[TestResult]:
    """Run dbt's tests, `datacontract test` and what consumers rely on against the candidate.

    The first two run at the same time, each in a process of its own.

    Raises:
        RuntimeError: one of them did not get as far as testing.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        ran = [pool.submit(run, settings) for run in (dbt_tests, contract_tests)]
        results = [result for future in ran for result in future.result()]
    return [*results, *consumer_tests(settings)]


def consumer_tests(settings: Settings, products: Path = DATA_PRODUCTS) -> list[TestResult]:
    """Hold the candidate against the expectation files of consumers.

    A file that cannot be read is a warning: it blocks nobody else.
    """
    return [
        TestResult(
            name=item.name,
            status=item.status,
            failures=item.failures,
            message=item.message if item.owner is None else f"{item.message} (ask {item.owner})",
            sql=item.sql,
        )
        for item in check_expectations(
            settings.published / CANDIDATE / RESTRICTED_FILE,
            *read_expectations(products),
            settings.today,
        )
    ]


def dbt_tests(settings: Settings) -> list[TestResult]:
    """Run dbt's tests with the tag data_product against the candidate target.

    Raises:
        RuntimeError: dbt did not get as far as testing; carries its own words.
    """
    target_path = settings.home / "dbt" / CANDIDATE
    results = target_path / "run_results.json"
    results.unlink(missing_ok=True)
    variables = dbt_vars(settings)
    ran = subprocess.run(
        [
            settings.dbt_executable,
            "--quiet",
            "test",
            *("--project-dir", str(DBT_PROJECT), "--profiles-dir", str(PROFILES)),
            *("--target", CANDIDATE, "--target-path", str(target_path)),
            *("--select", "tag:data_product", "--indirect-selection", "cautious"),
            *("--exclude-resource-type", "unit_test"),
            *(("--vars", json.dumps(variables)) if variables else ()),
        ],
        env={**os.environ, **dbt_environment(settings)},
        capture_output=True,
        text=True,
        check=False,
    )
    ended = json.loads(results.read_text(encoding="utf-8"))["results"] if results.exists() else []
    found = [item for item in ended if item["unique_id"].startswith("test.")]
    if not found:
        raise RuntimeError(
            f"dbt: expected tests with the tag data_product to run on the candidate, found none:\n"
            f"{ran.stdout}{ran.stderr}"
        )
    return [
        TestResult(
            name=item["unique_id"].split(".")[2],
            status=item["status"],
            failures=item["failures"] if item["status"] != "error" else None,
            message=message_without_rows(item["status"], item["message"] or ""),
            sql=item["compiled_code"],
        )
        for item in found
    ]


def _counted(candidate: Candidate) -> list[TestResult]:
    """Read every port through the file readers use, and count what its manifest says."""
    results = []
    with port(candidate.folder / RESTRICTED_FILE) as connection:
        for manifest in candidate.publication.ports.values():
            counted = connection.execute(f'select count(*) from "{manifest.relation}"').fetchone()
            rows = counted[0] if counted else None
            results.append(
                TestResult(
                    name=f"{manifest.relation}_has_the_rows_of_its_manifest",
                    status="pass" if rows == manifest.rows else "fail",
                    failures=abs(manifest.rows - (rows or 0)),
                    message=f"manifest: {manifest.rows}, port: {rows}",
                )
            )
    return results


def _write_results(candidate: Candidate, results: Sequence[TestResult]) -> None:
    """Write what the tests said for everybody, and the rows they found for some."""
    found = [item for item in results if item.status != "pass"]
    if found:
        columns = Columns.of(candidate.publication, read_ports())
        with port(candidate.folder / RESTRICTED_FILE) as connection:
            keep_inside(connection, candidate.folder)  # the SQL of consumers is among it
            rows = [
                {
                    "name": item.name,
                    "sql": item.sql,
                    "rows": failing_rows(connection, item.sql, columns)
                    if item.sql and item.status != "error"
                    else [],
                }
                for item in found
            ]
        write_json(candidate.folder / FAILING_ROWS, rows, mode=0o440)
    write_json(
        candidate.folder / AUDIT,
        [
            {
                "name": item.name,
                "status": item.status,
                "failures": item.failures,
                "message": item.message,
            }
            for item in results
        ],
    )


def _set_aside(settings: Settings, candidate: Candidate) -> Path:
    """Move a failed candidate out of the way of the next one, in a state that can be queried."""
    published = candidate.publication
    (settings.published / CANDIDATE).unlink()
    folder = failed_folder(settings, published)
    private_folder(folder.parent)
    os.replace(candidate.folder, folder)
    write_port_files(folder, [*publications(settings), published])
    collect_failures(settings)
    return folder
