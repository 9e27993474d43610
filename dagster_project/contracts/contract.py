"""The contracts (Open Data Contract Standard), read in one place: what each table promises."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster_project.contracts.contract_problems import contract_problems
from dagster_project.contracts.document import Document, Problem, raise_problems, read_document
from dagster_project.contracts.standards import ODCS, find_problems
from dagster_project.settings import DATA_PRODUCTS

CONTRACT_FILES = "*/contract_v*.odcs.yaml"
RESTRICTED_DATABASE = "published/restricted/"


@dataclass(frozen=True)
class Column:
    """A column of a published table, in the order of the contract."""

    name: str
    logical_type: str
    physical_type: str
    description: str
    classification: str
    is_required: bool
    key_position: int | None
    is_partition: bool = False


@dataclass(frozen=True)
class QualityRule:
    """What must hold of a table's rows; run by dbt on the candidate and by `datacontract test`.

    Attributes:
        name: the rule, and the dbt test that holds it.
        type: sql or library.
        description: what it says, for people.
        query: of type sql: counts the rows that break it.
        metric: of type library: what is counted, such as duplicateValues.
        columns: of type library: the columns it is about.
        limit: the operator and its value, such as {"mustBe": 0}.
        severity: error or warn.
        dbt_test: the hand-written dbt test that holds it; None where one is generated from it.
    """

    name: str
    type: str
    description: str
    query: str | None
    metric: str | None
    columns: tuple[str, ...]
    limit: Mapping[str, Any]
    severity: str
    dbt_test: str | None


@dataclass(frozen=True)
class Table:
    """A published table.

    Attributes:
        relation: its name in the port files, `<model>_v<major>`.
        description: what it holds, for people.
        columns: in their order.
        quality: what must hold of its rows.
        tags: labels of it.
        key: columns that make a row one of its kind, in the order the files are sorted by.
        granularity: what one row is, where the contract says it in words.
        not_compared: columns that differ between two runs that did the same.
    """

    relation: str
    description: str
    columns: tuple[Column, ...]
    quality: tuple[QualityRule, ...]
    tags: tuple[str, ...]
    key: tuple[str, ...]
    granularity: str | None = None
    not_compared: tuple[str, ...] = ()

    @property
    def model(self) -> str:
        """The dbt model, which is the relation without its version."""
        return re.sub(r"_v\d+$", "", self.relation)

    @property
    def month_of(self) -> str | None:
        """Date column whose months are the files, or None."""
        return self._partition(of_dates=True)

    @property
    def value_of(self) -> str | None:
        """Column whose values are the files, or None."""
        return self._partition(of_dates=False)

    def _partition(self, *, of_dates: bool) -> str | None:
        named = [
            column.name
            for column in self.columns
            if column.is_partition and (column.logical_type == "date") == of_dates
        ]
        return named[0] if named else None


@dataclass(frozen=True)
class SlaProperty:
    """A promise about the service; `element` is the table or `table.column` it is about."""

    property: str
    value: Any
    unit: str | None
    element: str | None
    description: str
    severity: str


@dataclass(frozen=True)
class SupportChannel:
    """Where a consumer gets help."""

    channel: str
    url: str


@dataclass(frozen=True)
class Contract:
    """One major version of what a data product promises of its tables.

    Attributes:
        product: the data product, which is the folder of the file.
        major: the version that tables carry in their name.
        id: what ports name it by.
        version: such as 1.4.0.
        status: such as active.
        file: where it was read.
        domain: who owns it, as a dbt group.
        tables: in the order of the file.
        sla: its service levels.
        roles: who may read it.
        owner: e-mail address of the owner.
        purpose: what it is for.
        limitations: what it is not for.
        usage: how to read it.
        support: where to ask.
        is_restricted: whether its tables are published apart from the open ports.
    """

    product: str
    major: int
    id: str
    version: str
    status: str
    file: Path
    domain: str
    tables: tuple[Table, ...]
    sla: tuple[SlaProperty, ...]
    roles: tuple[str, ...]
    owner: str
    purpose: str
    limitations: str
    usage: str
    support: tuple[SupportChannel, ...]
    is_restricted: bool = False

    def promised(self, name: str, relation: str | None = None) -> SlaProperty | None:
        """The service level of this name, for a table if one is named; None if there is none."""
        for promise in self.sla:
            of_table = (promise.element or "").split(".")[0]
            if promise.property == name and relation in (None, *([of_table] if of_table else [])):
                return promise
            if promise.property == name and not of_table:
                return promise
        return None


def read_contracts(products: Path = DATA_PRODUCTS) -> tuple[Contract, ...]:
    """Read every contract, sorted by product and major version.

    Raises:
        DeclarationError: something in them is wrong; a line for each problem.
    """
    contracts, problems = find_contracts(products)
    raise_problems(problems)
    return contracts


def find_contracts(products: Path) -> tuple[tuple[Contract, ...], list[Problem]]:
    """The contracts that can be read, and the problems of all."""
    contracts, problems = [], []
    for file in sorted(products.glob(CONTRACT_FILES)):
        document = read_document(file)
        if isinstance(document, Problem):
            problems.append(document)
            continue
        found = find_problems(document, ODCS, contract_problems)
        problems += found
        if not found:
            contracts.append(contract_of(document))
    contracts.sort(key=lambda contract: (contract.product, contract.major))
    return tuple(contracts), problems


def contract_of(document: Document) -> Contract:
    """The contract that a document without problems holds."""
    value = document.value
    description = value["description"]
    return Contract(
        product=value["dataProduct"],
        major=int(value["version"].split(".")[0]),
        id=value["id"],
        version=value["version"],
        status=value["status"],
        file=document.file,
        domain=value["domain"],
        tables=tuple(_table(table) for table in value["schema"]),
        sla=tuple(_sla(promise) for promise in value.get("slaProperties", [])),
        roles=tuple(role["role"] for role in value["roles"]),
        owner=next(m["username"] for m in value["team"]["members"] if m.get("role") == "owner"),
        purpose=description["purpose"],
        limitations=description.get("limitations", ""),
        usage=description.get("usage", ""),
        support=tuple(
            SupportChannel(channel["channel"], channel.get("url", ""))
            for channel in value.get("support", [])
        ),
        is_restricted=any(
            str(server.get("database", "")).startswith(RESTRICTED_DATABASE)
            for server in value["servers"]
        ),
    )


def _table(value: dict[str, Any]) -> Table:
    columns = tuple(_column(column) for column in value["properties"])
    custom = custom_properties(value)
    ordered = sorted((c for c in columns if c.key_position), key=lambda c: c.key_position or 0)
    return Table(
        relation=value["name"],
        description=value["description"],
        columns=columns,
        quality=tuple(_rule(rule) for rule in value.get("quality", [])),
        tags=tuple(value.get("tags", ())),
        key=tuple(column.name for column in ordered) or tuple(custom.get("rowKey", ())),
        granularity=value.get("dataGranularityDescription"),
        not_compared=tuple(custom.get("notCompared", ())),
    )


def _column(value: dict[str, Any]) -> Column:
    return Column(
        name=value["name"],
        logical_type=value["logicalType"],
        physical_type=value["physicalType"],
        description=value["description"],
        classification=value.get("classification", ""),
        is_required=value.get("required", False),
        key_position=value.get("primaryKeyPosition") if value.get("primaryKey") else None,
        is_partition=value.get("partitioned", False),
    )


def _rule(value: dict[str, Any]) -> QualityRule:
    return QualityRule(
        name=value["name"],
        type=value["type"],
        description=value["description"],
        query=value.get("query"),
        metric=value.get("metric"),
        columns=tuple((value.get("arguments") or {}).get("properties", ())),
        limit={key: limit for key, limit in value.items() if key.startswith("must")},
        severity={"warning": "warn"}.get(value.get("severity", "error"), "error"),
        dbt_test=custom_properties(value).get("dbtTest"),
    )


def _sla(value: dict[str, Any]) -> SlaProperty:
    return SlaProperty(
        property=value["property"],
        value=value["value"],
        unit=value.get("unit"),
        element=value.get("element"),
        description=value.get("description", ""),
        severity=custom_properties(value).get("severity", "warn"),
    )


def custom_properties(value: dict[str, Any]) -> dict[str, Any]:
    """What stands under customProperties, by its name."""
    return {item["property"]: item["value"] for item in value.get("customProperties", [])}
