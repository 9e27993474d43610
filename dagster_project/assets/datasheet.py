"""The datasheet of each product, published beside its tables.

Its sections are the seven of Gebru et al., "Datasheets for Datasets" (CACM 2021), in their order.
What is promised comes from the contracts, what is so from the manifest and the loads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from dagster_project.assets.documents import render
from dagster_project.assets.model_card import CARD_FILE
from dagster_project.contracts.expectations import read_expectations
from dagster_project.contracts.product import Product, read_products
from dagster_project.publishing import MODEL_PRODUCT, Publication

DATASHEET_FILE = "datasheet.md"
SECTIONS = (
    "Motivation",
    "Composition",
    "Collection process",
    "Preprocessing, cleaning, labelling",
    "Uses",
    "Distribution",
    "Maintenance",
)
"""The sections of the published proposal, in its order."""

LOADS = """
select
    source,
    count(*) as files,
    min(known_on) as first_known_on,
    max(known_on) as last_known_on,
    sum(rows_read) as rows_read,
    sum(rows_accepted) as rows_accepted,
    sum(rows_quarantined) as rows_quarantined,
    sum(rows_duplicate) as rows_duplicate,
    sum(rows_superseded) as rows_superseded
from loads
where entity = 'sales_events'
group by source
order by source
"""

REASONS = """
select source, reason_code, lines
from quarantine_summary
order by lines desc, source, reason_code
limit 10
"""

Row = Mapping[str, Any]


def export_datasheets(
    connection: duckdb.DuckDBPyConnection, publication: Publication
) -> dict[str, bytes]:
    """The datasheets of a publication by path: `<product>/datasheet.md`."""
    loads, reasons = _rows(connection, LOADS), _rows(connection, REASONS)
    products = read_products()
    expected, _ = read_expectations()
    return {
        f"{product.name}/{DATASHEET_FILE}": datasheet(
            product,
            publication,
            loads=loads,
            reasons=reasons,
            consumers=[
                *_readers(product, products),
                *(item.consumer for item in expected if item.file.parent.parent == product.folder),
            ],
        ).encode()
        for product in products
        if any(manifest.product == product.name for manifest in publication.ports.values())
    }


def datasheet(
    product: Product,
    publication: Publication,
    *,
    loads: Sequence[Row],
    reasons: Sequence[Row],
    consumers: Sequence[str],
) -> str:
    """The datasheet of one product, as Markdown.

    Args:
        product: what it promises.
        publication: what it holds, ports included.
        loads: a row per source: files, business dates, and what became of its lines.
        reasons: source, reason_code and lines of what was refused.
        consumers: products that are made from it, and those who have told what they expect.
    """
    tables = [
        table
        for contract in product.contracts
        for table in contract.tables
        if table.relation in publication.ports
    ]
    columns = [column for table in tables for column in table.columns]
    return render(
        "datasheet.md.j2",
        product=product,
        publication=publication,
        ports=[publication.ports[table.relation] for table in tables],
        tables=tables,
        nullable={
            table.relation: [c.name for c in table.columns if not c.is_required] for table in tables
        },
        classifications=sorted({column.classification for column in columns}),
        personal=sorted({c.name for c in columns if c.classification == "restricted"}),
        loads=loads,
        reasons=reasons,
        contracts=product.contracts,
        support=sorted(
            {channel for contract in product.contracts for channel in contract.support},
            key=lambda channel: channel.url,
        ),
        promises=[
            promise
            for contract in product.contracts
            for promise in contract.sla
            if (promise.element or "").partition(".")[0]
            in ("", *(table.relation for table in tables))
        ],
        consumers=sorted(set(consumers)),
        is_forecast=product.name == MODEL_PRODUCT,
        card_file=CARD_FILE,
    )


def _readers(product: Product, products: Sequence[Product]) -> list[str]:
    """The products that read one of a product's contracts."""
    own = {contract.id for contract in product.contracts}
    return [other.name for other in products if own & {port.contract_id for port in other.inputs}]


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[Row]:
    result = connection.execute(query)
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
