"""Rollback: an earlier publication with its data, model and documents, and a pause."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from dagster_project import publishing
from dagster_project.publishing import Publication
from dagster_project.settings import Settings
from tests.publishing.invented_ports import (
    PROVENANCE,
    PUBLISHED_AT,
    forecast,
    inode,
    passing,
    publish,
    read,
    sell,
)


def test_a_rollback_repeats_an_earlier_publication_and_pauses(filled: Settings) -> None:
    first = publish(filled)
    sell(filled, "c", "2017-02-02")
    forecast(filled, 2, "5")
    publish(filled)
    later = PUBLISHED_AT + timedelta(hours=1)
    again = publishing.rollback(filled, to=1, reason="promotion twice", published_at=later)
    assert (again.number, again.kind, again.rollback_of) == (3, "rollback", 1)
    assert {row[0] for row in read(filled, "sales_forecast_v1")} == {1}
    assert len(read(filled, "sales_events_v1", "restricted/sales.duckdb")) == 2
    assert again.ports == first.ports
    assert read(filled, "publications")[-1][2:5] == ("rollback", 1, "promotion twice")
    pause = publishing.automatic_publication_paused(filled)
    assert pause == publishing.Pause(later, 1, "promotion twice")

    assert publishing.resume(filled)
    assert publishing.automatic_publication_paused(filled) is None
    assert not publishing.resume(filled)
    assert publish(filled).number == 4
    assert {row[0] for row in read(filled, "sales_forecast_v1")} == {2}
    assert {row[0] for row in read(filled, "sales_forecast_history_v1")} == {1, 2}


def test_a_rollback_is_refused_where_it_makes_no_sense(filled: Settings) -> None:
    publish(filled)
    with pytest.raises(publishing.CannotRollBack, match="found the current"):
        publishing.rollback(filled, to=1, reason="why not", published_at=PUBLISHED_AT)
    with pytest.raises(publishing.UnknownPublication, match="publication 7.*which are 1"):
        publishing.rollback(filled, to=7, reason="why not", published_at=PUBLISHED_AT)
    sell(filled, "c", "2017-02-02")
    publish(filled)
    damaged = publishing.publication_folder(filled, 1) / "daily_sales/v1/2017-02.parquet"
    damaged.unlink()
    with pytest.raises(publishing.CannotRollBack, match=r"2017-02.parquet.*found no file"):
        publishing.rollback(filled, to=1, reason="why not", published_at=PUBLISHED_AT)
    assert publishing.current_number(filled) == 2
    assert publishing.automatic_publication_paused(filled) is None


def exporting(connection: duckdb.DuckDBPyConnection, publication: Publication) -> dict[str, bytes]:
    """A model that doubles the only input, the number of its forecast."""
    file = Path(publication.model_version)  # in the folder of the test
    connection.execute(
        f"copy (select {publication.forecast_version} as scale) to '{file}' (format parquet)"
    )
    macro = b"create macro predict_units(inputs) as struct_extract(inputs, 'scale') * 2"
    return {"predict_units.sql": macro, "inputs.parquet": file.read_bytes()}


def test_the_model_goes_with_its_forecast_back_and_forth(
    filled: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = "(select predict_units(inputs) from model_inputs as inputs)"
    first = publish(filled, export=exporting)
    assert read(filled, asked) == [(2,)]
    sell(filled, "c", "2017-02-02")
    forecast(filled, 2, "5")
    publish(filled, export=exporting)
    assert read(filled, asked, "restricted/sales.duckdb") == [(4,)]
    path = "sales_forecast/model/predict_units.sql"
    assert inode(filled, 1, path) == inode(filled, 2, path)

    later = PUBLISHED_AT + timedelta(hours=1)
    again = publishing.rollback(filled, to=1, reason="why not", published_at=later)
    assert again.model_files == first.model_files
    assert read(filled, asked) == [(2,)]
    moved = replace(filled, home=tmp_path / "moved")
    shutil.move(filled.home, moved.home)
    publishing.relink(moved)
    assert read(moved, asked) == [(2,)]

    damaged = publishing.publication_folder(moved, 2) / path
    damaged.unlink()
    with pytest.raises(publishing.CannotRollBack, match=r"predict_units.sql.*found no file"):
        publishing.rollback(moved, to=2, reason="why not", published_at=later)


def describing(_: duckdb.DuckDBPyConnection, publication: Publication) -> dict[str, bytes]:
    """A document that tells of ports which are written already."""
    rows = publication.ports["daily_sales_v1"].rows
    return {"daily_sales/datasheet.md": f"{rows} rows".encode()}


def test_documents_tell_of_the_written_ports_and_go_back_with_their_publication(
    filled: Settings,
) -> None:
    path = "daily_sales/datasheet.md"
    first = publishing.publish(filled, PROVENANCE, run_tests=passing, describe=describing)
    (document,) = first.documents
    file = publishing.publication_folder(filled, 1) / path
    assert file.read_text() == "2 rows"
    assert (document.path, document.size_bytes) == (path, 6)
    assert document.sha256 == hashlib.sha256(b"2 rows").hexdigest()

    sell(filled, "c", "2017-02-02")
    second = publishing.publish(filled, PROVENANCE, run_tests=passing, describe=describing)
    assert (publishing.publication_folder(filled, 2) / path).read_text() == "3 rows"
    assert publishing.current_publication(filled) == second
    later = PUBLISHED_AT + timedelta(hours=1)
    again = publishing.rollback(filled, to=1, reason="why not", published_at=later)
    assert again.documents == first.documents
    assert (publishing.publication_folder(filled, 3) / path).read_text() == "2 rows"

    (publishing.publication_folder(filled, 2) / path).chmod(0o644)
    (publishing.publication_folder(filled, 2) / path).write_text("4 rows")
    with pytest.raises(publishing.CannotRollBack, match=r"datasheet\.md.*expected the sha256"):
        publishing.rollback(filled, to=2, reason="why not", published_at=later)
