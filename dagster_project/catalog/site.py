"""The static site: written beside the old one and put into its place in one step."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import jinja2

from dagster_project.catalog.access import read_places
from dagster_project.catalog.flow import read_flow
from dagster_project.catalog.model_layers import written_by_python
from dagster_project.catalog.other_domains import EXAMPLES, read_other_products
from dagster_project.catalog.product_page import (
    Expected,
    ProductPage,
    Surroundings,
    product_files,
    read_page,
)
from dagster_project.catalog.quality import read_checks
from dagster_project.catalog.search_index import search_index
from dagster_project.catalog.service_levels import read_history, read_measurements
from dagster_project.contracts.expectations import Expectations, read_expectations
from dagster_project.contracts.product import Product, read_products
from dagster_project.lock import exclusive
from dagster_project.publishing import (
    Publication,
    current_publication,
    publication_folder,
    reader_file,
)
from dagster_project.settings import CHECKOUT, DATA_PRODUCTS, Settings

SITE = "catalog"
SITES = "catalogs"


class NothingPublished(RuntimeError):
    """There is no publication that a catalog could tell of."""


def write_catalog(
    settings: Settings, products: Path = DATA_PRODUCTS, others: Path = EXAMPLES
) -> Path:
    """Write the site of the current publication; return its first page.

    Reads what is published and what is declared, and waits for no run: a publication never
    changes, and a reader's file is opened read-only. A reader of the site sees the old one or the
    new one: `published/catalog` is a link that is swapped once the new one is whole.

    Args:
        settings: the deployment.
        products: the folder of our products' declarations.
        others: a folder below which products of other domains are declared.

    Raises:
        NothingPublished: there is no publication yet.
        DeclarationError: a declaration of ours is wrong.
        Locked: another process writes the site.
    """
    publication = current_publication(settings)
    if publication is None:
        raise NothingPublished(
            f"catalog: expected a publication in {settings.published}, found none. Run `meshcast "
            "run` first, or set MESHCAST_HOME to the home that has one."
        )
    foreign, unreadable = read_other_products(others)
    ours = read_products(products)
    domains = {product.domain for product in ours}
    declared = (*ours, *(product for product in foreign if product.domain not in domains))
    expected, bad = read_expectations(products)
    around = _surroundings(settings, publication, declared, expected)
    pages = [read_page(product, around) for product in declared]
    sites = settings.published / SITES
    with exclusive(
        settings.published / f"{SITE}.lock",
        holder="meshcast catalog",
        timeout=settings.lock_timeout_seconds,
    ):
        sites.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=sites))
        try:
            _write(folder, pages, around, [*unreadable, *(item.file for item in bad)])
            for product in declared:
                _carry(folder / product.name, product_files(product))
            folder.chmod(0o755)
            _swap(settings.published / SITE, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        for old in sites.iterdir():
            if old != folder:
                shutil.rmtree(old)
    return settings.published / SITE / "index.html"


def _surroundings(
    settings: Settings,
    publication: Publication,
    declared: Sequence[Product],
    expected: Sequence[Expectations],
) -> Surroundings:
    folder = publication_folder(settings, publication.number)
    file = folder / reader_file(settings).name
    reads = [(item.consumer, item.file.parent.parent.name) for item in expected]
    return Surroundings(
        settings=settings,
        publication=publication,
        folder=folder,
        flow=read_flow(declared, reads),
        checks=read_checks(folder),
        file=file,
        places=read_places(settings, publication, file),
        newest=read_measurements(file),
        history=read_history(settings),
        expectations={
            product: tuple(
                Expected(
                    item.consumer, item.owner, item.purpose, tuple(use.table for use in item.uses)
                )
                for item, (_, read) in zip(expected, reads, strict=True)
                if read == product
            )
            for _, product in reads
        },
        written_by_python=written_by_python(),
    )


def _write(
    folder: Path, pages: Sequence[ProductPage], around: Surroundings, unreadable: Sequence[Path]
) -> None:
    """Write the page of every product and the first one, which also names unreadable files."""
    of_products = {check for page in pages for check in page.checks}
    facts = {"names": [page.name for page in pages], "publication": around.publication}
    index = _environment().get_template("index.html.j2")
    html = index.render(
        facts,
        here=None,
        pages=pages,
        index=search_index(pages),
        other_checks=[check for check in around.checks if check not in of_products],
        unreadable=[_shown(file) for file in unreadable],
    )
    (folder / "index.html").write_text(html, encoding="utf-8")
    template = _environment().get_template("product.html.j2")
    for page in pages:
        html = template.render(facts, here=page.name, page=page)
        (folder / f"{page.name}.html").write_text(html, encoding="utf-8")


def _shown(file: Path) -> str:
    return str(file.relative_to(CHECKOUT) if file.is_relative_to(CHECKOUT) else file)


def _carry(folder: Path, files: Sequence[Path]) -> None:
    folder.mkdir()
    for file in files:
        shutil.copyfile(file, folder / file.name)


def _swap(link: Path, folder: Path) -> None:
    """Let the site's link name a folder, in one step."""
    part = link.with_name(f"{link.name}.part")
    part.unlink(missing_ok=True)
    part.symlink_to(folder.relative_to(link.parent))
    os.replace(part, link)


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("dagster_project.catalog"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
