"""The catalog shows every promise and table, safely, whole or not at all, without a network."""

from __future__ import annotations

import html
import json
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import pytest
from typer.testing import CliRunner

from dagster_project.catalog import NothingPublished, write_catalog
from dagster_project.catalog import site as catalog_site
from dagster_project.cli import app
from dagster_project.contracts.product import read_products
from dagster_project.declaration import DeclarationError
from dagster_project.publishing.lock import publishing_lock
from dagster_project.settings import DATA_PRODUCTS, Settings
from tests.catalog.conftest import Site
from tests.catalog.pages import Page

HOSTILE = "<script>alert('&')</script>"


@pytest.fixture
def products(tmp_path: Path) -> Path:
    """A copy of the declarations, to be changed."""
    return Path(shutil.copytree(DATA_PRODUCTS, tmp_path / "data_products"))


def index_of(page: str) -> list[dict[str, str]]:
    """What the search finds."""
    found = re.search(r'<script type="application/json" id="index">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    entries: list[dict[str, str]] = json.loads(found.group(1))
    return entries


def test_every_product_table_and_column_has_its_place_and_is_found(site: Site) -> None:
    found = {(entry["kind"], entry["href"]) for entry in index_of(site.text("index"))}
    for product in read_products():
        page = site.text(product.name)
        ids = set(Page(site.folder / f"{product.name}.html").ids)
        assert ("product", f"{product.name}.html") in found
        assert html.escape(product.purpose, quote=True).replace("&#x27;", "&#39;") in page
        for contract in product.contracts:
            for table in contract.tables:
                assert ("table", f"{product.name}.html#{table.relation}") in found
                for column in table.columns:
                    place = f"{table.relation}.{column.name}"
                    assert place in ids
                    assert ("column", f"{product.name}.html#{place}") in found
                    assert html.escape(column.description).replace("&#x27;", "&#39;") in page


def test_every_link_and_anchor_leads_somewhere(site: Site) -> None:
    pages = {file.name: Page(file) for file in site.pages}
    for name, page in pages.items():
        assert len(set(page.ids)) == len(page.ids), f"{name} has an id twice"
        for link in page.links:
            if link.startswith(("mailto:", "https://")):
                continue
            file, _, anchor = unquote(link).partition("#")
            assert (site.folder / (file or name)).is_file(), f"{name}: {link}"
            assert not anchor or anchor in pages[file or name].ids, f"{name}: {link}"
    for entry in index_of(site.text("index")):
        file, _, anchor = entry["href"].partition("#")
        assert not anchor or anchor in pages[file].ids


def test_nothing_is_fetched_from_anywhere(site: Site) -> None:
    for file in site.pages:
        text = file.read_text()
        assert Page(file).fetched == []
        assert not re.search(r"@import|url\(\s*['\"]?(?!#)", text)
        assert "default-src 'none'" in text


def test_pages_are_whole_with_headings_in_order_and_a_label_on_every_field(site: Site) -> None:
    for file in site.pages:
        page = Page(file)
        assert page.open == []
        assert page.headings[0] == 1
        assert page.headings.count(1) == 1
        jumps = zip(page.headings, page.headings[1:], strict=False)
        assert all(lower <= upper + 1 for upper, lower in jumps), file.name
        assert set(page.fields) <= set(page.labelled)
        assert '<html lang="en">' in file.read_text()


def test_what_somebody_wrote_is_shown_as_text_and_never_run(
    published: Settings, products: Path, tmp_path: Path
) -> None:
    folder = products / "daily_sales"
    for name, place in (
        ("contract_v1.odcs.yaml", "Where it was sold."),
        ("product.odps.yaml", "revenue and price per product"),
        ("README.md", "reporting, planning, finance"),
        ("CHANGELOG.md", "First version"),
    ):
        text = (folder / name).read_text()
        assert place in text
        (folder / name).write_text(text.replace(place, f"{HOSTILE} {place}"))
    page = write_catalog(published, products, tmp_path / "none")
    shown = (page.parent / "daily_sales.html").read_text()
    assert shown.count("&lt;script&gt;alert(") >= 4
    for text in (shown, page.read_text()):
        assert "<script>alert(" not in text
    hits = [entry for entry in index_of(page.read_text()) if HOSTILE in entry["told"]]
    assert {entry["name"] for entry in hits} == {"daily_sales", "store_id"}


def test_of_a_restricted_port_no_row_is_shown_and_the_reason_is(site: Site) -> None:
    page = site.text("sales_events")
    assert "No rows are shown: this port is restricted" in page
    assert 'class="sample"' not in page
    assert 'class="sample"' in site.text("daily_sales")
    assert "published/restricted/sales.duckdb" in page


def test_quality_and_promises_stand_on_the_page_of_their_product(site: Site) -> None:
    page = site.text("daily_sales")
    assert "daily sales v1 has the rows of its manifest" in page
    assert "sales forecast v1 has the rows" not in page
    assert "everything is fine" in site.text("index"), "a check that names no table"
    assert "<strong>retention</strong>" in page
    assert "Nothing was measured of this product yet." in page


def test_the_newest_version_stands_first_and_an_end_is_told_of_its_table_alone(site: Site) -> None:
    text = site.text("daily_sales")
    assert text.index('id="daily_sales_v2"') < text.index('id="daily_sales_v1"')
    versions = text[text.index('id="versions"') :]
    assert "<td>daily_sales_v1: deprecated, promised until 2027-12-31</td>" in versions
    assert versions.index(">daily-sales-v2<") < versions.index(">daily-sales-v1<")


def test_a_product_of_another_domain_is_shown_with_its_way_from_ours(site: Site) -> None:
    page = site.text("reorder_proposals")
    made_from = page.partition("<h3>Made from</h3>")[2].partition("</ul>")[0]
    assert all(name in made_from for name in ("sales_forecast", "daily_sales", "complete_journey"))
    assert "Published by its own domain" in page
    used_by = site.text("sales_forecast").partition("<h3>Used by</h3>")[2].partition("</ul>")[0]
    assert '<a href="reorder_proposals.html">' in used_by
    assert "mailto:replenishment@example.com" in site.text("sales_forecast")


def test_an_example_for_our_own_domain_is_no_product_of_another(site: Site) -> None:
    assert "weekly_sales" not in site.text("index")


def test_a_file_of_another_domain_that_cannot_be_read_is_named_and_hides_nothing(
    published: Settings, products: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "elsewhere" / "orders" / "product.odps.yaml"
    broken.parent.mkdir(parents=True)
    broken.write_text("name: [")
    consumer = products / "daily_sales" / "consumers" / "broken.yaml"
    consumer.parent.mkdir(exist_ok=True)
    consumer.write_text("uses: 7")
    page = write_catalog(published, products, tmp_path / "elsewhere")
    not_shown = page.read_text().partition("Not shown")[2].partition("</section>")[0]
    assert str(broken) in not_shown
    assert str(consumer) in not_shown
    assert (page.parent / "daily_sales.html").exists()


def test_a_wrong_declaration_of_ours_leaves_the_old_site(
    published: Settings, products: Path
) -> None:
    page = write_catalog(published)
    before = page.read_text()
    (products / "daily_sales" / "product.odps.yaml").write_text("name: [")
    with pytest.raises(DeclarationError, match="product.odps.yaml"):
        write_catalog(published, products)
    assert page.read_text() == before


def test_readers_see_the_old_site_until_the_new_one_is_whole(
    published: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = write_catalog(published)
    old = page.parent.resolve()
    before = page.read_text()

    def killed(folder: Path, files: object) -> None:
        del folder, files
        assert page.read_text() == before
        raise OSError("no space left")

    monkeypatch.setattr(catalog_site, "_carry", killed)
    with pytest.raises(OSError, match="no space"):
        write_catalog(published)
    assert page.parent.resolve() == old
    assert [folder.name for folder in old.parent.iterdir()] == [old.name]

    monkeypatch.undo()
    assert write_catalog(published) == page
    assert page.parent.resolve() != old
    assert not old.exists()


def test_it_is_written_while_a_run_publishes_and_without_the_warehouse(
    published: Settings,
) -> None:
    moved = published.warehouse_file.rename(published.home / "moved.duckdb")
    try:
        with publishing_lock(published):
            assert write_catalog(published).exists()
    finally:
        moved.rename(published.warehouse_file)


def test_a_home_without_a_publication_is_refused_with_what_to_do(settings: Settings) -> None:
    with pytest.raises(NothingPublished, match=r"found none\. Run `meshcast run` first"):
        write_catalog(settings)


def test_the_command_writes_the_site_and_says_where(published: Settings) -> None:
    page = published.published / "catalog" / "index.html"
    ran = CliRunner().invoke(app, ["catalog"], env={"MESHCAST_HOME": str(published.home)})
    assert ran.exit_code == 0, ran.output
    assert f"Catalog: {page}\n" in ran.stdout
    assert page.is_file()
    ran = CliRunner().invoke(app, ["catalog", "--json"], env={"MESHCAST_HOME": str(published.home)})
    assert json.loads(ran.stdout) == {"page": str(page)}
