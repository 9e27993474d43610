"""docs/own_a_data_product.md is true: followed to the letter, it ends with a published product."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import duckdb
import pytest

from dagster_project.settings import CHECKOUT
from tests.command_line import CUTOFF_ON, NEXT_DAY, copy_checkout, copy_home, execute

PAGE = CHECKOUT / "docs" / "own_a_data_product.md"
EXAMPLE = CHECKOUT / "examples" / "own_a_data_product"
BIN = Path(sys.executable).parent


def blocks(language: str) -> list[str]:
    """The page's code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_the_sql_of_the_page_is_the_file_of_the_example() -> None:
    (sql,) = blocks("sql")
    assert sql == (EXAMPLE / "weekly_sales_v1.sql").read_text()


def test_every_file_of_the_product_is_told_of() -> None:
    told = PAGE.read_text()
    for file in (EXAMPLE / "weekly_sales").iterdir():
        assert f"| `{file.name}` |" in told


@pytest.fixture(scope="module")
def owned(published_home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A checkout and a home after all but the last commands of the page, in their order."""
    folder = tmp_path_factory.mktemp("own")
    checkout = copy_checkout(folder / "checkout")
    home = copy_home(published_home, folder / "home")
    *followed, taken_away = blocks("sh")
    assert "rm -r" in taken_away
    execute(
        ["bash", "-euc", "\n".join(followed)],
        home,
        checkout=checkout,
        MESHCAST_TODAY=str(NEXT_DAY),
        PATH=f"{BIN}:{os.environ['PATH']}",
    )
    return checkout, home


def test_the_fourth_product_is_published_and_adds_up_to_the_one_it_reads(
    owned: tuple[Path, Path],
) -> None:
    _, home = owned
    with duckdb.connect(str(home / "published" / "sales.duckdb"), read_only=True) as sales:
        weekly = sales.sql(
            "select sum(units_net), sum(net_revenue), max(last_known_on), count(*) > 0"
            " from weekly_sales_v1"
        ).fetchone()
        daily = sales.sql(
            "select sum(units_net), sum(net_revenue), max(last_known_on), true from daily_sales_v2"
        ).fetchone()
    assert weekly == daily
    assert weekly is not None
    assert weekly[2] == CUTOFF_ON


def test_its_contract_is_released_and_its_page_is_in_the_catalog(owned: tuple[Path, Path]) -> None:
    checkout, home = owned
    product = checkout / "data_products" / "weekly_sales"
    released = product / "released" / "contract_v1.odcs.yaml"
    assert released.read_bytes() == (product / "contract_v1.odcs.yaml").read_bytes()
    page = (home / "published" / "catalog" / "weekly_sales.html").read_text()
    assert 'id="weekly_sales_v1.days_sold"' in page
    assert "weekly sales v1 has weeks of at most seven days" in page
    sheet = (home / "published" / "current" / "weekly_sales" / "datasheet.md").read_text()
    assert sheet.startswith("# Datasheet of weekly_sales, publication 2\n")


def test_a_breaking_change_afterwards_is_refused_and_taking_it_away_leaves_nothing(
    owned: tuple[Path, Path],
) -> None:
    checkout, home = owned
    contract = checkout / "data_products" / "weekly_sales" / "contract_v1.odcs.yaml"
    text = contract.read_text()
    try:
        contract.write_text(text.replace("- name: days_sold", "- name: days_open"))
        command = [sys.executable, "-m", "dagster_project", "contracts", "check"]
        refused = execute(command, home, checkout=checkout, expect=1, MESHCAST_TODAY=str(NEXT_DAY))
        assert "weekly_sales" in refused.stdout
    finally:
        contract.write_text(text)
    execute(["bash", "-euc", blocks("sh")[-1]], home, checkout=checkout)
    left = {path.name for path in checkout.rglob("weekly_sales*") if "examples" not in path.parts}
    assert not left
