"""What the search of the catalog finds: products, tables and columns, each with its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dagster_project.catalog.product_page import ProductPage

Entry = dict[str, str]


def search_index(pages: Iterable[ProductPage]) -> list[Entry]:
    """An entry for every product, table and column."""
    return [entry for page in pages for entry in _entries(page)]


def _entries(page: ProductPage) -> Iterator[Entry]:
    place = f"{page.name}.html"
    yield _entry("product", page.name, page, "", page.purpose, place)
    for port in page.ports:
        yield _entry(
            "table", port.relation, page, page.name, port.description, f"{place}#{port.relation}"
        )
        for column in port.columns:
            yield _entry(
                "column",
                column.name,
                page,
                port.relation,
                f"{column.physical_type}, {column.classification}. {column.description}",
                f"{place}#{port.relation}.{column.name}",
            )


def _entry(kind: str, name: str, page: ProductPage, of: str, told: str, href: str) -> Entry:
    return {
        "kind": kind,
        "name": name,
        "product": page.name,
        "of": of,
        "told": told,
        "href": href,
    }
