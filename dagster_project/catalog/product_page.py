"""All that the page of a product shows, gathered from its declaration and its publication."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from dagster_project.catalog import quality, service_levels
from dagster_project.catalog.access import Place, Snippet, snippets
from dagster_project.catalog.drawing import draw_flow
from dagster_project.catalog.flow import Flow, Node
from dagster_project.catalog.markdown import to_html
from dagster_project.catalog.model_layers import Layer, layers_of
from dagster_project.catalog.quality import Check, checks_of
from dagster_project.catalog.sample import Sample, read_sample
from dagster_project.catalog.service_levels import Level, Promise, levels_of, promises_of
from dagster_project.contracts.contract import Contract, SupportChannel
from dagster_project.contracts.product import ManagementPort, OutputPort, Product
from dagster_project.contracts.table import Column, QualityRule, Table
from dagster_project.publishing import Publication
from dagster_project.settings import Settings

CANVAS, CHANGELOG = "README.md", "CHANGELOG.md"
ELSEWHERE = "Published by its own domain, outside of this home."


@dataclass(frozen=True)
class PortPage:
    """A published table; of another domain's, only what its contract says."""

    relation: str
    description: str
    contract_version: str
    deprecated: str | None
    is_restricted: bool
    roles: tuple[str, ...]
    rows: int | None
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    rules: tuple[QualityRule, ...]
    snippets: tuple[Snippet, ...]
    where: str
    sample: Sample


@dataclass(frozen=True)
class Version:
    """One contract of a product."""

    id: str
    version: str
    status: str
    deprecated: str | None
    relations: tuple[str, ...]
    file: str


@dataclass(frozen=True)
class DocumentPage:
    """A document of a product, folded on its page."""

    anchor: str
    title: str
    summary: str
    html: Markup
    is_open: bool = False


@dataclass(frozen=True)
class Expected:
    """What a consumer has committed that it relies on."""

    consumer: str
    owner: str
    purpose: str
    tables: tuple[str, ...]


@dataclass(frozen=True)
class Surroundings:
    """What is read once for all pages.

    Attributes:
        settings: the deployment.
        publication: the one that is shown.
        folder: its folder.
        flow: how data flows between products.
        checks: results of its audit.
        file: the open port file that is shown.
        places: where each published table can be read, by relation.
        newest: rows of the table of service levels; None where it is not published.
        history: earlier measurements, oldest first.
        expectations: what consumers expect, by the product they read.
        written_by_python: models that a table written by Python is made from, by table.
    """

    settings: Settings
    publication: Publication
    folder: Path
    flow: Flow
    checks: tuple[Check, ...]
    file: Path
    places: Mapping[str, Place]
    newest: Sequence[dict[str, Any]] | None
    history: Sequence[dict[str, Any]]
    expectations: Mapping[str, tuple[Expected, ...]]
    written_by_python: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class ProductPage:
    """What the page of one product shows, in its order."""

    name: str
    domain: str
    kind: str
    version: str
    purpose: str
    usage: str
    limitations: str
    owner: str
    support: tuple[SupportChannel, ...]
    files: tuple[str, ...]
    management: tuple[ManagementPort, ...]
    ports: tuple[PortPage, ...]
    promises: tuple[Promise, ...]
    levels: tuple[Level, ...]
    why_no_levels: str
    service_summary: str
    versions: tuple[Version, ...]
    changelog: Markup | None
    picture: Markup
    upstream: tuple[Node, ...]
    downstream: tuple[Node, ...]
    expectations: tuple[Expected, ...]
    models: tuple[Layer, ...]
    model_count: int
    checks: tuple[Check, ...]
    check_summary: str
    why_no_checks: str
    documents: tuple[DocumentPage, ...]


def read_page(product: Product, around: Surroundings) -> ProductPage:
    """Gather the page of a product, of ours or of another domain; the newest version first."""
    contracts = sorted(product.contracts, key=lambda contract: -contract.major)
    tables = [table for contract in product.contracts for table in contract.tables]
    relations = [table.relation for table in tables]
    is_ours = any(relation in around.places for relation in relations)
    checks = checks_of(around.checks, relations) if is_ours else ()
    levels = levels_of(product.name, around.newest or (), around.history)
    layers = layers_of(relations, around.written_by_python) if is_ours else ()
    files = tuple(file.name for file in product_files(product))
    return ProductPage(
        name=product.name,
        domain=product.domain,
        kind=_words(product.type),
        version=product.version,
        purpose=product.purpose,
        usage=product.usage,
        limitations=product.limitations,
        owner=product.owner,
        support=tuple(dict.fromkeys(s for c in product.contracts for s in c.support)),
        files=files,
        management=product.management,
        ports=tuple(
            _port(product, contract, table, around)
            for contract in contracts
            for table in contract.tables
        ),
        promises=promises_of(contracts),
        levels=levels,
        why_no_levels=_why_no_levels(around, is_ours=is_ours),
        service_summary=service_levels.told(levels),
        versions=tuple(_version(product, contract) for contract in contracts),
        changelog=_markdown(product.folder / CHANGELOG, product.name, files),
        picture=draw_flow(around.flow.around(product.name), product.name),
        upstream=around.flow.upstream(product.name),
        downstream=around.flow.downstream(product.name),
        expectations=around.expectations.get(product.name, ()),
        models=layers,
        model_count=sum(len(layer.models) for layer in layers),
        checks=checks,
        check_summary=quality.told(checks),
        why_no_checks="No check of this publication names a table of it." if is_ours else ELSEWHERE,
        documents=tuple(_documents(product, around, files)),
    )


def product_files(product: Product) -> list[Path]:
    """The files that declare a product, which the site carries along."""
    names = [*sorted(product.folder.glob("*.yaml")), product.folder / CHANGELOG]
    return [file for file in names if file.exists()]


def _port(product: Product, contract: Contract, table: Table, around: Surroundings) -> PortPage:
    place = around.places.get(table.relation)
    output = _output(product, contract, table)
    return PortPage(
        relation=table.relation,
        description=table.description,
        contract_version=contract.version,
        deprecated=_deprecated(product, contract, table),
        is_restricted=contract.is_restricted,
        roles=contract.roles,
        rows=None if place is None else place.rows,
        key=table.key,
        columns=table.columns,
        rules=table.quality,
        snippets=() if place is None else snippets(place),
        where=output.description if output else ELSEWHERE,
        sample=Sample(why_none=ELSEWHERE) if place is None else read_sample(around.file, place),
    )


def _output(product: Product, contract: Contract, table: Table) -> OutputPort | None:
    for port in product.outputs:
        if port.contract_id == contract.id and port.name == table.model:
            return port
    return None


def _deprecated(product: Product, contract: Contract, table: Table) -> str | None:
    """Until when readers can stay on a table; None while it is not to be replaced."""
    ends_on = contract.ends_on(table.relation)
    if ends_on is not None:
        return f"deprecated, promised until {ends_on}"
    output = _output(product, contract, table)
    return "deprecated" if output is not None and output.is_deprecated else None


def _version(product: Product, contract: Contract) -> Version:
    ends = [
        f"{table.relation}: {end}"
        for table in contract.tables
        if (end := _deprecated(product, contract, table))
    ]
    return Version(
        id=contract.id,
        version=contract.version,
        status=contract.status,
        deprecated="; ".join(ends) or None,
        relations=tuple(table.relation for table in contract.tables),
        file=contract.file.name,
    )


def _why_no_levels(around: Surroundings, *, is_ours: bool) -> str:
    if not is_ours:
        return ELSEWHERE
    if around.newest is None:
        return service_levels.NOT_MEASURED
    return service_levels.NONE_OF_THIS


def _documents(product: Product, around: Surroundings, files: Sequence[str]) -> list[DocumentPage]:
    """Canvas, model card and datasheet, as far as there are such."""
    published = around.folder / product.name
    found = [
        ("canvas", "Canvas", "The product on one page, in ten parts", product.folder / CANVAS),
        (
            "model-card",
            "Model card",
            "What the model is, how good, where and for what",
            published / "model" / "model_card.md",
        ),
        (
            "datasheet",
            "Datasheet",
            "Where the data comes from, what was done to it, what to use it for",
            published / "datasheet.md",
        ),
    ]
    pages = []
    for anchor, title, summary, file in found:
        html = _markdown(file, product.name, files)
        if html is not None:
            pages.append(DocumentPage(anchor, title, summary, html, is_open=anchor == "canvas"))
    return pages


def _markdown(file: Path, product: str, files: Sequence[str]) -> Markup | None:
    if not file.exists():
        return None
    links = {name: f"{product}/{name}" for name in files}
    links |= {"model/model_card.md": "#model-card", "consumers": "#lineage"}
    return to_html(file.read_text(encoding="utf-8"), links)


def _words(camel_case: str) -> str:
    """`consumerAligned` as a person writes it."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", camel_case).lower().replace("_", " ")
