import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dagster_project.settings import DATA_PRODUCTS

Edit = Callable[[str, str, str], None]


@pytest.fixture
def products(tmp_path: Path) -> Path:
    """A copy of two small products, one of which reads the other."""
    folder = tmp_path / "data_products"
    for name in ("sales_events", "daily_sales"):
        shutil.copytree(DATA_PRODUCTS / name, folder / name)
    return folder


@pytest.fixture
def edit(products: Path) -> Edit:
    """Replace the first occurrence of a text in a file of the copy."""

    def replace(file: str, old: str, new: str) -> None:
        path = products / file
        text = path.read_text()
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new, 1))

    return replace
