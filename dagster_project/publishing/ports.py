"""The output ports, as the contracts of the data products promise them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from dagster_project.contracts.contract import Contract, Table
from dagster_project.contracts.product import read_products
from dagster_project.declaration import DeclarationError
from dagster_project.settings import DATA_PRODUCTS, DBT_PROJECT

PERSONAL = "restricted"
"""The classification of a column about a person; such a column holds keyed hashes only."""


@dataclass(frozen=True)
class Port:
    """One version of one published table.

    Attributes:
        relation: the model's table in the warehouse and in the port files, `<name>_v<major>`.
        name: the relation without its version.
        major: the version.
        product: the data product it is a port of.
        contract_version: version of the contract that promises it, such as 1.0.0.
        key: columns that make a row one of its kind.
        month_of: date column whose months are the files, or None.
        value_of: column whose values are the files, or None.
        is_restricted: whether it is published apart from the open ports.
        not_compared: columns that differ between two runs that did the same.
        readers: roles of the contract that may read it, each with its group of the system.
        personal: columns that the contract classifies as restricted: they hold keyed hashes only.
        is_live: whether it is refreshed in place, beside the publications.
        columns: DuckDB's type by column name, as the contract promises them.
    """

    relation: str
    name: str
    major: int
    product: str
    contract_version: str
    key: tuple[str, ...]
    month_of: str | None = None
    value_of: str | None = None
    is_restricted: bool = False
    not_compared: tuple[str, ...] = ()
    personal: tuple[str, ...] = ()
    is_live: bool = False
    columns: dict[str, str] = field(default_factory=dict)
    readers: tuple[tuple[str, str], ...] = ()

    @property
    def folder(self) -> str:
        """Its folder inside a publication."""
        inner = f"{self.name}/v{self.major}"
        return f"restricted/{inner}" if self.is_restricted else inner

    @property
    def sorted_by(self) -> tuple[str, ...]:
        """Columns its files are sorted by: the one that cuts the files, then the key."""
        first = self.month_of or self.value_of
        return tuple(dict.fromkeys(([first] if first else []) + list(self.key)))


def read_ports(project: Path = DBT_PROJECT, products: Path = DATA_PRODUCTS) -> tuple[Port, ...]:
    """Read every port of a publication, sorted by relation; live tables are none of them.

    Raises:
        DeclarationError: a descriptor is not what it must be, or names what does not exist; a line
            for each problem with file, line and field.
    """
    return tuple(port for port in _all_ports(project, products) if not port.is_live)


def read_live_ports(
    project: Path = DBT_PROJECT, products: Path = DATA_PRODUCTS
) -> tuple[Port, ...]:
    """Read the tables that are refreshed in place beside the publications, sorted by relation.

    Raises:
        DeclarationError: as `read_ports`; or a live table is restricted, and these are open.
    """
    live = tuple(port for port in _all_ports(project, products) if port.is_live)
    for port in live:
        if port.is_restricted:
            raise DeclarationError(
                f"{port.relation}: expected an open table, since everybody can read what is "
                "refreshed in place, found one that only some roles may read. Publish it without a "
                "server below published/live/."
            )
    return live


def _all_ports(project: Path, products: Path) -> list[Port]:
    ports = [
        _port(contract, table)
        for product in read_products(products, project)
        for contract in product.contracts
        for table in contract.tables
    ]
    return sorted(ports, key=lambda port: port.relation)


def _port(contract: Contract, table: Table) -> Port:
    return Port(
        relation=table.relation,
        name=table.model,
        major=contract.major,
        product=contract.product,
        contract_version=contract.version,
        key=table.key,
        month_of=table.month_of,
        value_of=table.value_of,
        is_restricted=contract.is_restricted,
        not_compared=table.not_compared,
        personal=tuple(
            column.name
            for promised in contract.tables
            for column in promised.columns
            if column.classification == PERSONAL
        ),
        is_live=contract.is_live,
        columns={column.name: column.physical_type for column in table.columns},
        readers=contract.groups,
    )
