"""The data products (Open Data Product Standard), read in one place, with their contracts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster_project.contracts.contract import Contract, find_contracts, find_outlines
from dagster_project.contracts.document import Document, Problem, raise_problems, read_document
from dagster_project.contracts.product_problems import (
    contract_versions,
    model_problems,
    port_problems,
    product_problems,
)
from dagster_project.contracts.standards import ODPS, find_problems
from dagster_project.contracts.table import custom_properties
from dagster_project.settings import DATA_PRODUCTS

PRODUCT_FILE = "product.odps.yaml"


@dataclass(frozen=True)
class InputPort:
    """What a product reads; `declared_in` is the folder of those that no contract of ours names."""

    name: str
    version: str | None
    contract_id: str | None
    declared_in: str | None


@dataclass(frozen=True)
class OutputPort:
    """One version of a table that a product publishes."""

    name: str
    version: str
    contract_id: str
    type: str
    description: str
    is_deprecated: bool
    inputs: tuple[tuple[str, str], ...]

    @property
    def relation(self) -> str:
        """The table in the port files."""
        return f"{self.name}_v{self.version.split('.')[0]}"


@dataclass(frozen=True)
class ManagementPort:
    """What a product tells about itself."""

    name: str
    content: str
    type: str
    description: str


@dataclass(frozen=True)
class Product:
    """A data product: who owns it, what it reads, what it publishes, what it promises."""

    name: str
    folder: Path
    version: str
    domain: str
    type: str
    purpose: str
    limitations: str
    usage: str
    owner: str
    inputs: tuple[InputPort, ...]
    outputs: tuple[OutputPort, ...]
    management: tuple[ManagementPort, ...]
    contracts: tuple[Contract, ...]


def read_products(
    products: Path = DATA_PRODUCTS, project: Path | None = None
) -> tuple[Product, ...]:
    """Read every product with its contracts, sorted by name.

    Args:
        products: the folder of the products' folders.
        project: the dbt project whose models and groups the descriptors must agree with; without
            one only what stands in the descriptors is held against each other.

    Raises:
        DeclarationError: something in them is wrong; a line for each problem of all of them.
    """
    read, problems = find_products(products, project)
    raise_problems(problems)
    return read


def find_products(
    products: Path, project: Path | None
) -> tuple[tuple[Product, ...], list[Problem]]:
    """The products that can be read, and the problems of all descriptors."""
    contracts, problems = find_contracts(products)
    outlines = find_outlines(products)
    files = sorted(products.glob(f"*/{PRODUCT_FILE}"))
    without = {outline.file.parent for outline in outlines} - {file.parent for file in files}
    documents = [read_document(folder / PRODUCT_FILE) for folder in sorted(without)]
    documents += [read_document(file) for file in files]
    versions = contract_versions(products)

    def own_problems(document: Document) -> list[Problem]:
        return [*product_problems(document), *port_problems(document, outlines, versions)]

    read = []
    for document in documents:
        if isinstance(document, Problem):
            problems.append(document)
            continue
        found = find_problems(document, ODPS, own_problems)
        if not found:
            read.append(product_of(document, contracts))
        problems += found
    if project is not None:
        problems += model_problems(outlines, project)
    return tuple(sorted(read, key=lambda product: product.name)), problems


def product_of(document: Document, contracts: tuple[Contract, ...]) -> Product:
    """The product that a document without problems holds."""
    value = document.value
    description = value["description"]
    return Product(
        name=value["name"],
        folder=document.file.parent,
        version=value["version"],
        domain=value["domain"],
        type=value.get("type", ""),
        purpose=description["purpose"],
        limitations=description.get("limitations", ""),
        usage=description.get("usage", ""),
        owner=next(m["username"] for m in value["team"]["members"] if m.get("role") == "owner"),
        inputs=tuple(_input(port) for port in value.get("inputPorts", [])),
        outputs=tuple(_output(port) for port in value["outputPorts"]),
        management=tuple(_management(port) for port in value.get("managementPorts", [])),
        contracts=tuple(c for c in contracts if c.file.parent == document.file.parent),
    )


def _input(value: dict[str, Any]) -> InputPort:
    return InputPort(
        name=value["name"],
        version=value.get("version"),
        contract_id=value.get("contractId"),
        declared_in=custom_properties(value).get("declaredIn"),
    )


def _output(value: dict[str, Any]) -> OutputPort:
    return OutputPort(
        name=value["name"],
        version=value["version"],
        contract_id=value["contractId"],
        type=value.get("type", ""),
        description=value["description"],
        is_deprecated=value.get("deprecated", False),
        inputs=tuple((used["id"], used["version"]) for used in value.get("inputContracts", [])),
    )


def _management(value: dict[str, Any]) -> ManagementPort:
    return ManagementPort(
        name=value["name"],
        content=value["content"],
        type=value.get("type", ""),
        description=value.get("description", ""),
    )
