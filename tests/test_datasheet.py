"""The datasheet of a product tells what a run has found, in the sections of the proposal."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from dagster_project import publishing
from dagster_project.assets.datasheet import SECTIONS, datasheet
from dagster_project.contracts.product import Product, read_products
from dagster_project.publishing import DataFile, PortManifest, Publication
from tests.command_line import settings_of

LOADS = [
    {
        "source": "till | one",
        "files": 3,
        "first_known_on": date(2017, 1, 1),
        "last_known_on": date(2017, 1, 3),
        "rows_read": 1_210,
        "rows_accepted": 1_200,
        "rows_quarantined": 7,
        "rows_duplicate": 2,
        "rows_superseded": 1,
    }
]
REASONS = [{"source": "till | one", "reason_code": "quantity_implausible", "lines": 7}]


def product(name: str) -> Product:
    return {found.name: found for found in read_products()}[name]


def publication(relation: str, of: str) -> Publication:
    moment = datetime(2018, 1, 1, 6, tzinfo=UTC)
    data = DataFile("daily_sales/v1/all.parquet", "all", 1_234, 2_500_000, "", "", "", "")
    manifest = PortManifest(
        relation, of, "1.1.0", False, {"product_id": "VARCHAR"}, 1_234, "", (data,)
    )
    return Publication(
        number=7,
        published_at=moment,
        kind="regular",
        rollback_of=None,
        reason=None,
        cutoff_on=date(2017, 12, 31),
        forecast_version=1,
        issued_at=moment,
        model_version="m1",
        code_revision="abc123",
        seed=1,
        packages={},
        input_fingerprint="0123456789abcdef0123",
        ports={relation: manifest},
    )


def sheet(name: str, relation: str, **changes: object) -> str:
    told = {"loads": LOADS, "reasons": REASONS, "consumers": ["planning", "orders", "orders"]}
    return datasheet(product(name), publication(relation, name), **(told | changes))  # type: ignore[arg-type]


def test_a_datasheet_has_the_sections_of_the_proposal_in_their_order() -> None:
    text = sheet("daily_sales", "daily_sales_v1")
    assert text.startswith("# Datasheet of daily_sales, publication 7\n")
    assert tuple(re.findall("^## (.*)$", text, re.MULTILINE)) == SECTIONS


def test_it_tells_counts_of_the_run_and_promises_of_the_contract() -> None:
    text = sheet("daily_sales", "daily_sales_v1")
    declared = product("daily_sales")
    assert "| `daily_sales_v1` | 1.1.0 | 1,234 | 1 | 1 | 2.5 |" in text
    assert "| till \\| one | 1,210 | 1,200 | 7 | 2 | 1 |" in text
    assert "quantity_implausible (till \\| one, 7)." in text
    assert "Known consumers: orders, planning." in text
    for told in (declared.purpose, declared.usage, declared.limitations, declared.owner):
        assert told in text
    retention = declared.contracts[0].promised("retention")
    assert retention is not None
    assert f"* retention: {retention.value} {retention.unit}." in text
    assert "nothing in it is about a person" in text
    assert "likely_stockouts_v1" not in text, "a table that this publication does not have"


def test_it_names_the_columns_about_persons_and_what_is_known_of_a_model() -> None:
    events = sheet("sales_events", "sales_events_v1")
    assert "about persons: customer_key, a keyed hash" in events
    assert "its own card" not in events
    forecast = sheet("sales_forecast", "sales_forecast_v1")
    assert "made by model `m1`, which has [its own card](model/model_card.md)" in forecast


def test_without_refused_lines_no_reason_is_told() -> None:
    assert "by reason" not in sheet("daily_sales", "daily_sales_v1", reasons=[])


@pytest.mark.parametrize("name", ["daily_sales", "sales_events", "sales_forecast"])
def test_a_run_publishes_the_datasheet_of_every_product(published_home: Path, name: str) -> None:
    settings = settings_of(published_home)
    published = publishing.current_publication(settings)
    assert published is not None
    paths = [document.path for document in published.documents]
    assert f"{name}/datasheet.md" in paths
    folder = publishing.publication_folder(settings, published.number)
    text = (folder / name / "datasheet.md").read_text()
    for manifest in published.ports.values():
        if manifest.product == name:
            assert f"| `{manifest.relation}` | {manifest.contract_version} | " in text
            assert f"{manifest.rows:,}" in text
