"""What is current: copied, moved, lost, damaged, and what is past its retention."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dagster_project import publishing
from dagster_project.settings import Settings
from dagster_project.warehouse import warehouse
from tests.publishing.invented_ports import PUBLISHED_AT, publish, read, sell


def test_a_copied_home_is_a_backup_that_can_be_restored(filled: Settings, tmp_path: Path) -> None:
    publish(filled)
    expected = read(filled, "sales_events_v1", "restricted/sales.duckdb")
    backup = replace(filled, home=tmp_path / "it's a backup")
    shutil.copytree(filled.home, backup.home, symlinks=True)
    sell(filled, "c", "2017-02-02")
    publish(filled)
    shutil.rmtree(filled.home)

    assert not publishing.ports_are_linked(backup)
    assert publishing.relink(backup) == [1]
    assert publishing.ports_are_linked(backup)
    assert read(backup, "sales_events_v1", "restricted/sales.duckdb") == expected

    shutil.move(backup.home, filled.home)
    assert not publishing.ports_are_linked(filled)
    publishing.relink(filled)
    assert read(filled, "sales_events_v1", "restricted/sales.duckdb") == expected
    assert publishing.relink(filled) == []
    assert publish(filled).number == 1
    sell(filled, "c", "2017-02-02")
    assert publish(filled).number == 2


@pytest.mark.parametrize("is_copied", [True, False])
def test_a_lost_current_link_is_refused_until_it_is_mended(
    filled: Settings, is_copied: bool
) -> None:
    publish(filled)
    sell(filled, "c", "2017-02-02")
    publish(filled)
    link = filled.published / "current"
    folder = link.resolve()
    link.unlink()
    if is_copied:
        shutil.copytree(folder, link)
    for refused in (publish, publishing.reconcile, publishing.publications):
        with pytest.raises(publishing.CurrentLinkMissing, match="meshcast relink"):
            refused(filled)
    assert not publishing.ports_are_linked(filled)
    publishing.relink(filled)
    assert publishing.current_number(filled) == 2
    assert len(read(filled, "daily_sales_v1")) == 3


def test_the_only_publication_survives_the_loss_of_its_link(filled: Settings) -> None:
    publish(filled)
    (filled.published / "current").unlink()
    for refused in (publish, publishing.reconcile):
        with pytest.raises(publishing.CurrentLinkMissing, match="meshcast relink"):
            refused(filled)
    publishing.relink(filled)
    assert publishing.current_number(filled) == 1


def test_old_publications_are_collected_and_what_they_share_stays(filled: Settings) -> None:
    for day in range(5):
        sell(filled, f"c{day}", f"2017-02-{day + 2:02d}")
        publish(filled, published_at=PUBLISHED_AT - timedelta(days=1000 - day))
    expected = read(filled, "sales_events_v1", "restricted/sales.duckdb")
    assert publishing.collect(filled, keep=30) == []
    assert publishing.collect(filled, keep=2) == [1, 2, 3]
    assert [item.number for item in publishing.publications(filled)] == [4, 5]
    assert read(filled, "sales_events_v1", "restricted/sales.duckdb") == expected
    publishing.reconcile(filled)
    with warehouse(filled) as connection:
        found = connection.execute("select publication from state.publications order by 1")
        assert [row[0] for row in found.fetchall()] == [1, 2, 3, 4, 5]


def test_publications_within_the_retention_of_the_contracts_are_kept(filled: Settings) -> None:
    for day in range(3):
        sell(filled, f"c{day}", f"2017-02-{day + 2:02d}")
        publish(filled, published_at=PUBLISHED_AT - timedelta(days=399 - day))
    assert publishing.collect(filled, keep=1) == []


def test_a_candidate_that_failed_its_audit_never_becomes_current(filled: Settings) -> None:
    publish(filled)
    killed = publishing.publication_folder(filled, 2)
    shutil.copytree(publishing.publication_folder(filled, 1), killed, symlinks=True)
    (killed / "audit.json").write_text('[{"name": "a_test", "status": "fail"}]')
    (filled.published / "current").unlink()
    publishing.relink(filled)
    assert publishing.current_number(filled) == 1


def test_the_data_of_the_current_publication_outlive_the_loss_of_its_manifest(
    filled: Settings,
) -> None:
    publish(filled)
    sell(filled, "c", "2017-02-02")
    publish(filled)
    folder = publishing.publication_folder(filled, 2)
    (folder / "manifest.json").unlink()
    for refused in (publish, publishing.reconcile, publishing.publications):
        with pytest.raises(publishing.ManifestDamaged, match=r"2/manifest\.json"):
            refused(filled)
    assert len(read(filled, "daily_sales_v1")) == 3


def test_a_damaged_manifest_is_named(filled: Settings) -> None:
    publish(filled)
    manifest = publishing.publication_folder(filled, 1) / "manifest.json"
    manifest.write_text("{")
    with pytest.raises(publishing.ManifestDamaged, match="manifest.json"):
        publishing.publications(filled)
