from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import yaml

from dagster_project.contracts.product import read_products
from dagster_project.contracts.release import release, release_problems, released_file
from dagster_project.settings import DATA_PRODUCTS

Edit = Callable[[str, str, str], None]
TODAY = date(2018, 1, 1)
CONTRACT = "sales_events/contract_v1.odcs.yaml"
PRODUCT = "sales_events/product.odps.yaml"
CHANGELOG = "sales_events/CHANGELOG.md"
DESCRIPTION = "description: Where it was sold."
VERSION = yaml.safe_load((DATA_PRODUCTS / CONTRACT).read_text())["version"]
MAJOR, MINOR, _ = VERSION.split(".")
NEXT_MINOR, NEXT_PATCH = f"{MAJOR}.{int(MINOR) + 1}.0", f"{MAJOR}.{MINOR}.1"


@pytest.fixture
def problems(products: Path) -> Callable[[], list[str]]:
    release(read_products(products))
    return lambda: [str(problem) for problem in release_problems(read_products(products), TODAY)]


def bump(edit: Edit, version: str) -> None:
    edit(CONTRACT, f"version: {VERSION}", f"version: {version}")
    edit(PRODUCT, f"    version: {VERSION}", f"    version: {version}")


def test_every_contract_of_ours_is_released_as_it_stands_or_brings_what_a_change_must() -> None:
    ours = read_products()
    assert release_problems(ours, TODAY) == []
    for product in ours:
        for contract in product.contracts:
            assert released_file(contract.file).exists(), contract.file


def test_a_contract_that_did_not_change_needs_nothing(problems: Callable[[], list[str]]) -> None:
    assert problems() == []


def test_a_compatible_change_needs_a_minor_version_and_a_line_in_the_changelog(
    problems: Callable[[], list[str]], products: Path, edit: Edit
) -> None:
    edit(CONTRACT, DESCRIPTION, "description: The store that sold it.")
    (line,) = problems()
    assert line.startswith(f"{products / CONTRACT}:5: version: expected a minor version above")
    assert f"write version: {NEXT_MINOR} here and at its ports" in line

    bump(edit, NEXT_MINOR)
    (line,) = problems()
    assert f"a heading `## {NEXT_MINOR}` in {products / CHANGELOG}" in line
    edit(CHANGELOG, f"## {VERSION}", f"## {NEXT_MINOR}\n\n## {VERSION}")
    assert len(problems()) == 1  # a heading that says nothing
    edit(CHANGELOG, f"## {NEXT_MINOR}\n", f"## {NEXT_MINOR}\n\n* A column is told better.\n")
    assert problems() == []


def test_a_patch_is_no_version_of_a_changed_contract(
    problems: Callable[[], list[str]], edit: Edit
) -> None:
    edit(CONTRACT, DESCRIPTION, "description: The store that sold it.")
    bump(edit, NEXT_PATCH)
    assert [f"a minor version above {VERSION}" in line for line in problems()] == [True]


def test_a_breaking_change_needs_a_new_major_version_beside_the_old_one(
    problems: Callable[[], list[str]], edit: Edit
) -> None:
    edit(CONTRACT, "value: 400", "value: 30")
    bump(edit, NEXT_MINOR)
    edit(CHANGELOG, f"## {VERSION}", f"## {NEXT_MINOR}\n\n* Less is kept.\n\n## {VERSION}")
    (line,) = problems()
    assert "slaProperties[retention]: expected nothing that breaks consumers" in line
    assert "Changed retention from 400 d to 30 d" in line
    assert "promise it in contract_v2.odcs.yaml beside this one" in line


def test_a_new_major_version_needs_a_line_in_the_changelog(
    problems: Callable[[], list[str]], products: Path, edit: Edit
) -> None:
    assert problems() == []
    edit("daily_sales/CHANGELOG.md", "## 2.0.0", "## 2.0")
    (products / "daily_sales" / "released" / "contract_v2.odcs.yaml").unlink()
    (line,) = problems()
    assert "a heading `## 2.0.0`" in line


def test_a_contract_that_is_gone_while_its_tables_live_is_told(
    problems: Callable[[], list[str]], products: Path
) -> None:
    assert problems() == []
    (products / CONTRACT).rename(products / "contract.yaml")
    left = [product for product in read_products(DATA_PRODUCTS) if product.name == "sales_events"]
    moved = [
        type(product)(**{**vars(product), "folder": products / "sales_events", "contracts": ()})
        for product in left
    ]
    (problem,) = release_problems(moved, TODAY)
    assert "which promises sales_events_v1, found none" in str(problem)


def test_releasing_copies_what_changed_and_nothing_else(
    problems: Callable[[], list[str]], products: Path, edit: Edit
) -> None:
    assert release(read_products(products)) == []
    edit(CONTRACT, DESCRIPTION, "description: The store that sold it.")
    (copied,) = release(read_products(products))
    assert copied.id == "sales-events-v1"
    assert released_file(products / CONTRACT).read_text() == (products / CONTRACT).read_text()
    assert problems() == []
