"""What consumers rely on: the expectation files they commit beside our contracts.

`data_products/<product>/consumers/<consumer>.yaml` belongs to the consumer, who writes

    consumer: replenishment
    owner: replenishment@example.com
    purpose: Orders for the next weeks.
    uses:
      - table: sales_forecast_v1          # the version it pins
        severity: error                   # or warn: tell, but publish; holds for its rules too
        columns: {product_id: varchar, units_p50: "decimal(18,4)"}
        rules:
          - not_null: [product_id, units_p50]
          - holds: units_p50 >= 0
            severity: warn

The rules are in expectation_rules.py, docs/consumers.md tells consumers of them. A file that cannot
be read is a problem of its owner: it is returned beside the others, and stops none of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from dagster_project.contracts.column_types import duckdb_type
from dagster_project.contracts.contract import Contract
from dagster_project.contracts.contract_problems import E_MAIL
from dagster_project.contracts.expectation_rules import SEVERITIES, Rule, read_rule
from dagster_project.declaration import DeclarationError, Field
from dagster_project.settings import DATA_PRODUCTS

CONSUMERS = "consumers"


@dataclass(frozen=True)
class Use:
    """What a consumer uses of one published table.

    Attributes:
        table: the table with the version it pins, such as sales_forecast_v1.
        columns: type by name of the columns it reads, as DuckDB spells types.
        rules: what must hold of their rows.
        severity: `error` when a missing table or column must keep a candidate from readers.
    """

    table: str
    columns: dict[str, str]
    rules: tuple[Rule, ...]
    severity: str


@dataclass(frozen=True)
class Expectations:
    """One file: what a consumer relies on.

    Attributes:
        file: where it stands.
        consumer: the data product or team that reads.
        owner: e-mail address of who can be asked, and is told.
        purpose: what it reads for.
        uses: table by table.
    """

    file: Path
    consumer: str
    owner: str
    purpose: str
    uses: tuple[Use, ...]


@dataclass(frozen=True)
class BadFile:
    """An expectation file that says nothing, since it cannot be read.

    Attributes:
        file: where it stands.
        problem: what was expected, what was found and how to mend it.
    """

    file: Path
    problem: str


def read_expectations(
    products: Path = DATA_PRODUCTS,
) -> tuple[tuple[Expectations, ...], tuple[BadFile, ...]]:
    """Read the files of all consumers of all products, and those that cannot be read."""
    files = [
        file
        for file in sorted(products.glob(f"*/{CONSUMERS}/*"))
        if file.suffix in (".yaml", ".yml")
    ]
    return read_files(files)


def read_files(files: Sequence[Path]) -> tuple[tuple[Expectations, ...], tuple[BadFile, ...]]:
    """Read some expectation files: those that say something, and those that cannot be read."""
    readable, bad = [], []
    for file in files:
        try:
            readable.append(read_file(file))
        except DeclarationError as error:
            bad.append(BadFile(file, str(error)))
    return tuple(readable), tuple(bad)


def read_file(file: Path) -> Expectations:
    """Read one expectation file.

    Raises:
        DeclarationError: it is not what it must be; names file, field and finding.
    """
    declared = Field(file, "", _content(file))
    declared.only(("consumer", "owner", "purpose", "uses"))
    owner = declared.child("owner")
    if not E_MAIL.fullmatch(owner.text()):
        owner.fail("an e-mail address", "name who can be asked, and is told when it breaks")
    uses = tuple(_use(item) for item in declared.child("uses").items())
    if not uses:
        declared.child("uses").fail("at least one table", "write it as `- table: …`")
    return Expectations(
        file=file,
        consumer=declared.child("consumer").text(),
        owner=owner.text(),
        purpose=declared.child("purpose").text(),
        uses=uses,
    )


def unpromised(
    expectations: Expectations, contracts: Sequence[Contract]
) -> Iterator[tuple[str, str]]:
    """What a consumer relies on that no contract promises: where, and what was expected."""
    tables = {table.relation: table for contract in contracts for table in contract.tables}
    for use in expectations.uses:
        if use.table not in tables:
            known = ", ".join(sorted(tables)) or "none"
            yield use.table, f"expected a table that a contract promises, which are {known}"
            continue
        promised = {column.name: column.physical_type for column in tables[use.table].columns}
        for name, kind in use.columns.items():
            if name not in promised:
                known = ", ".join(promised)
                yield f"{use.table}.{name}", f"expected a promised column, which are {known}"
            elif (found := duckdb_type(promised[name])) != kind:
                yield f"{use.table}.{name}", f"expected {kind}, found that {found} is promised"


def _use(declared: Field) -> Use:
    declared.only(("table", "severity", "columns", "rules"))
    severity = declared.child("severity").text(default="error", one_of=SEVERITIES)
    columns = {}
    for name in declared.child("columns").mapping():
        column = declared.child("columns").child(name)
        kind = duckdb_type(column.text())
        if kind is None:
            column.fail(
                "a type of DuckDB's", "write it as the contract does, such as decimal(18,4)"
            )
        columns[name] = kind
    if not columns:
        declared.child("columns").fail("the columns it reads", "write them as `name: type`")
    rules = declared.child("rules")
    return Use(
        table=declared.child("table").text(),
        columns=columns,
        rules=()
        if rules.value is None
        else tuple(read_rule(rule, columns, severity) for rule in rules.items()),
        severity=severity,
    )


def _content(file: Path) -> object:
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        raise DeclarationError(
            f"{file}: expected YAML, found {said}. To mend it, correct the file."
        ) from None
    except OSError as error:
        raise DeclarationError(
            f"{file}: expected a file that can be read, found {error.strerror}. To mend it, put it "
            "back or remove the link to it."
        ) from None
