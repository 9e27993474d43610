"""What a reader does with the published model: why is it so, and what if?"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from dagster_project import models, publishing
from dagster_project.assets.frames import read_frame
from dagster_project.assets.model_card import CARD_FILE, SECTIONS
from dagster_project.assets.model_export import export_model
from dagster_project.forecasting.explanation import COLUMNS
from dagster_project.forecasting.frames import KEYS
from dagster_project.forecasting.model import predict
from dagster_project.settings import DATA_PRODUCTS
from dagster_project.warehouse import warehouse
from tests.command_line import settings_of

README = DATA_PRODUCTS / "sales_forecast" / "README.md"
ATTACH = "attach 'published/sales.duckdb' as sales (read_only)"


@pytest.fixture
def reader(published_home: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A connection of somebody else's, who has attached the port."""
    monkeypatch.chdir(published_home)
    with duckdb.connect() as connection:
        connection.execute(ATTACH)
        yield connection


@pytest.fixture(scope="module")
def scored(published_home: Path) -> tuple[Any, pd.DataFrame]:
    """The champion, and the frame it has scored, sorted by key."""
    settings = settings_of(published_home)
    published = publishing.current_publication(settings)
    assert published is not None
    with warehouse(settings, read_only=True) as connection:
        model = models.load(connection, published.model_version)
        frame = read_frame(connection, published.cutoff_on)
    return model, frame.sort_values(KEYS, ignore_index=True)


def statements(text: str) -> list[str]:
    """The statements of a page's SQL blocks but for the attaching."""
    blocks = re.findall(r"^```sql\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    found = [item.strip() for block in blocks for item in block.split(";") if item.strip()]
    return [item for item in found if item != ATTACH]


def sections(text: str) -> tuple[str, ...]:
    """The second-level headings of a page."""
    return tuple(re.findall("^## (.*)$", text, re.MULTILINE))


@pytest.mark.parametrize("sql", statements(README.read_text()))
def test_every_query_of_the_data_products_page_answers(reader: Any, sql: str) -> None:
    assert len(reader.execute(sql).fetchall()) > 0


def test_published_explanations_add_up_to_the_published_forecast(reader: Any) -> None:
    total = " + ".join(COLUMNS)
    rows, different, by_model = reader.execute(
        f"select count(*), count(*) filter (where {total} != forecast.units_mean),"
        " count(*) filter (where explained_by = 'model')"
        " from sales.sales_forecast_v1 as forecast inner join sales.sales_forecast_explained_v1"
        " using (forecast_version, store_id, product_id, target_on)"
    ).fetchone()
    assert different == 0
    assert rows == reader.execute("select count(*) from sales.sales_forecast_v1").fetchone()[0]
    assert by_model > rows / 2


def test_the_model_says_in_sql_what_was_published(reader: Any) -> None:
    rows, furthest = reader.execute(
        "select count(*), max(abs(sales.predict_units(inputs) - units_mean))"
        " from sales.model_inputs as inputs inner join sales.sales_forecast_v1"
        " using (cutoff_on, store_id, product_id, target_on) where not is_fallback"
    ).fetchone()
    assert rows > 0
    assert furthest <= 0.00005 + 1e-9


def test_what_if_this_product_were_promoted_is_answered_as_python_does(
    reader: Any, scored: tuple[Any, pd.DataFrame]
) -> None:
    model, frame = scored
    for column, value in (("f_promo_plan_share", 1.0), ("f_price_ratio", 0.8)):
        found = reader.execute(
            f"with changed as (select * replace ({value} as {column}) from sales.model_inputs)"
            " select sales.predict_units(changed) from changed"
            f" order by {', '.join(KEYS)}"
        ).fetchnumpy()
        (units,) = found.values()
        assert units == pytest.approx(
            predict(model.demand, frame.assign(**{column: value})), rel=1e-9
        )


def test_the_manifest_names_every_file_of_the_model_and_the_card_tells_of_it(
    published_home: Path,
) -> None:
    settings = settings_of(published_home)
    published = publishing.current_publication(settings)
    assert published is not None
    folder = publishing.publication_folder(settings, published.number)
    hashes = {item.path: item.sha256 for item in published.model_files}
    assert {Path(path).name for path in hashes} == {
        "model.skops",
        "model.onnx",
        "model_card.md",
        "holdout.parquet",
        "inputs.parquet",
        "predict_units.sql",
    }
    for path, sha256 in hashes.items():
        assert hashlib.sha256((folder / path).read_bytes()).hexdigest() == sha256
    beside = json.loads((folder / "sales_forecast" / "v1" / "manifest.json").read_text())
    assert {item["path"] for item in beside["model_files"]} == set(hashes)
    card = (folder / "sales_forecast" / "model" / CARD_FILE).read_text()
    assert card.startswith(f"# Model {published.model_version}\n")
    for told in (
        "Trained through",
        "rmsse",
        "* promotion: ",
        "By store, the worst:",
        "series are scored",
    ):
        assert told in card
    assert sections(card)[: len(SECTIONS)] == SECTIONS


def test_of_the_baseline_nothing_is_exported_but_a_card_that_says_so(home: Path) -> None:
    settings = settings_of(home)
    published = publishing.current_publication(settings)
    assert published is not None
    with warehouse(settings) as connection:
        connection.execute("delete from state.model_versions")
        files = export_model(connection, published)
    assert set(files) == {CARD_FILE}
    assert b"baseline" in files[CARD_FILE]
    assert sections(files[CARD_FILE].decode()) == SECTIONS
