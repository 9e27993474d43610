"""The contracts (Open Data Contract Standard), read in one place: what each table promises."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster_project.contracts.contract_problems import (
    DAYS,
    END_OF_LIFE,
    HOURS,
    MINUTES,
    contract_problems,
)
from dagster_project.contracts.document import Document, Problem, raise_problems, read_document
from dagster_project.contracts.outline import Outline, outline_of
from dagster_project.contracts.standards import ODCS, find_problems
from dagster_project.contracts.table import (
    Column,
    QualityRule,
    Table,
    custom_properties,
    table_of,
)
from dagster_project.settings import DATA_PRODUCTS

__all__ = [
    "Column",
    "Contract",
    "QualityRule",
    "SlaProperty",
    "SupportChannel",
    "Table",
    "contract_of",
    "find_contracts",
    "find_outlines",
    "read_contracts",
]

CONTRACT_FILES = "*/contract_v*.odcs.yaml"
SPANS = {
    unit: datetime.timedelta(**{name: 1})
    for name, units in (("days", DAYS), ("hours", HOURS), ("minutes", MINUTES))
    for unit in units
}
RESTRICTED_DATABASE = "published/restricted/"
LIVE_PATH = "published/live/"


@dataclass(frozen=True)
class SlaProperty:
    """A promise about the service; `element` is the table or `table.column` it is about."""

    property: str
    value: Any
    unit: str | None
    element: str | None
    description: str
    severity: str

    def span(self) -> datetime.timedelta:
        """The value as a span of time; its unit is d (days), h (hours) or m (minutes)."""
        return SPANS[str(self.unit)] * float(self.value)


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
        is_live: whether they are refreshed in place, beside the publications.
        groups: each role with its group of the system: its custom property `group`, else its name.
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
    is_live: bool = False
    groups: tuple[tuple[str, str], ...] = ()

    def ends_on(self, relation: str) -> datetime.date | None:
        """The day after which a table is no longer published; None where none is announced."""
        promise = self.promised(END_OF_LIFE, relation)
        return datetime.date.fromisoformat(promise.value) if promise else None

    def promised(self, name: str, relation: str | None = None) -> SlaProperty | None:
        """The service level of this name, for a table if one is named; None if there is none."""
        for promise in self.sla:
            of_table = (promise.element or "").split(".")[0]
            if promise.property == name and (relation is None or of_table in ("", relation)):
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
    for document, found in _documents(products):
        problems += found
        if isinstance(document, Document) and not found:
            contracts.append(contract_of(document))
    contracts.sort(key=lambda contract: (contract.product, contract.major))
    return tuple(contracts), problems


def find_outlines(products: Path) -> tuple[Outline, ...]:
    """What can be told of every contract, also of those that have problems."""
    return tuple(
        outline_of(document, problems)
        for document, problems in _documents(products)
        if isinstance(document, Document)
    )


def _documents(products: Path) -> Iterator[tuple[Document | None, list[Problem]]]:
    """Every contract as it stands in its file, and what is wrong with it."""
    for file in sorted(products.glob(CONTRACT_FILES)):
        document = read_document(file)
        if isinstance(document, Problem):
            yield None, [document]
        else:
            yield document, find_problems(document, ODCS, contract_problems)


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
        tables=tuple(table_of(table) for table in value["schema"]),
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
        is_live=any(
            str(server.get("path", "")).startswith(LIVE_PATH) for server in value["servers"]
        ),
        groups=tuple(
            (role["role"], custom_properties(role).get("group", role["role"]))
            for role in value["roles"]
        ),
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
