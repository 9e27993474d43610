"""The catalog as a person sees it: narrow and wide, light and dark, searched and copied from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.catalog.conftest import Site
from tests.test_ui import browser

pytestmark = pytest.mark.skipif(browser() is None, reason="no Chromium: set MESHCAST_CHROMIUM")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_its_window_and_says_nothing_to_the_console(
    site: Site, chromium: Any, width: int, scheme: str
) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    told: list[str] = []
    requested: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: requested.append(request.url))
    backgrounds = set()
    for file in site.pages:
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, file.name
        backgrounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    page.close()
    assert told == []
    assert all(url.startswith("file://") for url in requested)
    assert len(backgrounds) == 1
    dark = sum(int(part) for part in backgrounds.pop()[4:-1].split(",")) < 3 * 128
    assert dark == (scheme == "dark")


def test_a_search_finds_a_column_and_leads_to_its_row(site: Site, chromium: Any) -> None:
    page = chromium.new_page()
    page.goto((site.folder / "index.html").as_uri())
    field = page.get_by_label("Search products, tables and columns")
    field.fill("units net")
    first = page.locator("#results li a").first
    assert first.inner_text().startswith("units_net column of daily_sales_v2")
    assert page.locator("#found").inner_text().endswith(" found")
    first.click()
    page.wait_for_url("**/daily_sales.html#daily_sales_v2.units_net")
    assert page.locator("[id='daily_sales_v2.units_net']").is_visible()

    page.get_by_label("Search products and columns").fill("customer")
    page.keyboard.press("Enter")
    page.wait_for_url("**/index.html?q=customer")
    assert page.locator("#results").get_by_text("customer_key", exact=True).is_visible()
    page.get_by_label("Search products, tables and columns").fill("no such thing")
    assert page.locator("#found").inner_text().startswith("Nothing matches “no such thing”")
    assert page.locator("#results").is_hidden()
    page.close()


def test_the_copied_lines_are_those_that_are_shown(site: Site, chromium: Any) -> None:
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto((site.folder / "daily_sales.html").as_uri())
    page.get_by_role("button", name="Copy the SQL (DuckDB) of daily_sales_v1").click()
    page.get_by_text("Copied").first.wait_for()
    assert (
        page.evaluate("navigator.clipboard.readText()")
        == page.locator("#daily_sales_v1-1").inner_text()
    )
    context.close()
