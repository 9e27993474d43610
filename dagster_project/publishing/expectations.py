"""Run what consumers rely on against published bytes, and say who would break, where and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb

from dagster_project.contracts.contract import Contract
from dagster_project.contracts.expectation_rules import Rule
from dagster_project.contracts.expectations import (
    BadFile,
    Expectations,
    Use,
    read_expectations,
    unpromised,
)
from dagster_project.publishing.content import table_columns
from dagster_project.publishing.live import LIVE
from dagster_project.publishing.port_file import reader_file
from dagster_project.settings import DATA_PRODUCTS, Settings
from dagster_project.warehouse import port, quoted

PROBLEM_OF_THE_FILE = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)
"""Errors of a rule's SQL before any row is read, though its columns are as the file wants them."""


@dataclass(frozen=True)
class ExpectationResult:
    """Whether published data keeps one thing that a consumer relies on.

    Attributes:
        consumer: who relies on it; None when the file does not get as far as saying so.
        owner: the e-mail address of the consumer's owner, likewise.
        file: the file that says so.
        where: the table, or table and column.
        rule: what is relied on, in words.
        status: pass, warn or fail; or error, when the rows let the rule's SQL stop.
        failures: number of rows that break it; None where it is not a matter of rows.
        message: what was expected and found.
        sql: the query for these rows, or None.
    """

    consumer: str | None
    owner: str | None
    file: Path
    where: str
    rule: str
    status: str
    failures: int | None
    message: str
    sql: str | None = None

    @property
    def name(self) -> str:
        """The consumer, the place and the rule, for lists of many tests."""
        if self.consumer is None:
            return f"{'/'.join(self.file.parts[-3:])} {self.rule}"
        return f"what {self.consumer} relies on, {self.where} {self.rule}"


def check_published(settings: Settings, products: Path = DATA_PRODUCTS) -> list[ExpectationResult]:
    """Hold what is current against what all consumers rely on."""
    return check_expectations(
        reader_file(settings, restricted=True), *read_expectations(products), settings.today
    )


def bad_file_results(bad_files: tuple[BadFile, ...]) -> list[ExpectationResult]:
    """A warning for each file that cannot be read."""
    return [
        ExpectationResult(
            None, None, bad.file, bad.file.name, "cannot be read", "warn", None, bad.problem
        )
        for bad in bad_files
    ]


def check_promises(
    expectations: tuple[Expectations, ...], contracts: tuple[Contract, ...]
) -> list[ExpectationResult]:
    """What consumers rely on although no contract promises it; needs no publication."""
    return [
        ExpectationResult(
            item.consumer, item.owner, item.file, where, "is promised", "fail", None, message
        )
        for item in expectations
        for where, message in unpromised(item, contracts)
    ]


def check_expectations(
    port_file: Path,
    expectations: tuple[Expectations, ...],
    bad_files: tuple[BadFile, ...],
    today: date,
) -> list[ExpectationResult]:
    """Hold published tables against what consumers rely on.

    The SQL in their files can read the publication and the live tables that its port file names,
    and nothing else of this machine.

    Args:
        port_file: the restricted port file of a publication or candidate.
        expectations: of all consumers.
        bad_files: the files that could not be read; each is told as a warning.
        today: the day that freshness is judged against.
    """
    results = bad_file_results(bad_files)
    if not expectations:
        return results
    file = port_file.resolve()
    with port(file) as connection:
        keep_inside(connection, file.parent.parent)
        published = {
            name
            for (name,) in connection.execute(
                "select view_name from duckdb_views() where not internal"
                " union all select table_name from duckdb_tables()"
            ).fetchall()
        }
        for item in expectations:
            for use in item.uses:
                results += _of_use(connection, item, use, published, today)
    return results


def keep_inside(connection: duckdb.DuckDBPyConnection, publication: Path) -> None:
    """Let a connection read the files that the port files of a publication name, and no others.

    Args:
        connection: of a port file.
        publication: the publication's folder, two below published/.
    """
    read = (publication, publication.parents[1] / LIVE)
    folders = ", ".join(quoted(folder) for folder in read)
    connection.execute(f"set allowed_directories = [{folders}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def _of_use(
    connection: duckdb.DuckDBPyConnection,
    item: Expectations,
    use: Use,
    published: set[str],
    today: date,
) -> Iterator[ExpectationResult]:
    """The table, its columns, and the rules on columns that are as they must be."""

    def told(where: str, rule: str, status: str, message: str) -> ExpectationResult:
        return ExpectationResult(
            item.consumer, item.owner, item.file, where, rule, status, None, message
        )

    broken = "fail" if use.severity == "error" else "warn"
    if use.table not in published:
        name = use.table.rpartition("_v")[0]
        others = ", ".join(sorted(other for other in published if other.startswith(f"{name}_v")))
        found = f"found only {others}" if others else "found no version of it"
        yield told(use.table, "is published", broken, f"expected {use.table}, {found}")
        return
    try:
        found_types = table_columns(connection, use.table)
    except duckdb.Error as error:
        message = f"expected {use.table} to be readable, found {type(error).__name__}"
        yield told(use.table, "can be read", broken, message)
        return
    wrong = {
        column: kind for column, kind in use.columns.items() if found_types.get(column) != kind
    }
    for column, kind in use.columns.items():
        status = broken if column in wrong else "pass"
        message = f"expected {kind}, found {found_types.get(column, 'no such column')}"
        yield told(f"{use.table}.{column}", f"is {kind}", status, message)
    for rule in use.rules:
        if not wrong.keys() & set(rule.columns):
            yield _of_rule(connection, item, use.table, rule, today)


def _of_rule(
    connection: duckdb.DuckDBPyConnection, item: Expectations, table: str, rule: Rule, today: date
) -> ExpectationResult:
    sql = rule.query(table, today)
    failures: int | None = None
    broken = "fail" if rule.severity == "error" else "warn"
    told = f'min("{rule.told}")' if rule.told else "null"
    try:
        rows = connection.execute(f"select count(*), {told} from ({sql})").fetchall()
        ((failures, found),) = rows
        status = broken if failures else "pass"
        message = f"expected {rule.name}, found {failures:,} rows that are otherwise"
        if isinstance(found, int | float | Decimal | date):  # a text might name a person
            message += f", {(rule.told or '').replace('_', ' ')} {found}"
    except PROBLEM_OF_THE_FILE as error:
        status = "warn"
        message = f"{item.file}: the rule {rule.name} cannot be run: {error}"
    except duckdb.Error as error:  # its text may quote a row
        status = "error" if rule.severity == "error" else "warn"
        message = f"expected {rule.name}, found rows that stop it: {type(error).__name__}"
    return ExpectationResult(
        item.consumer, item.owner, item.file, table, rule.name, status, failures, message, sql
    )
