"""The key of the customer hash: made once, readable by its owner only, and told nowhere."""

from __future__ import annotations

import stat
from pathlib import Path

import duckdb
import pytest

from dagster_project.sql_functions import (
    KEY_FILE,
    CustomerKeyUnsafe,
    customer_key,
    keyed_revision,
    register_functions,
)
from tests.command_line import meshcast, settings_of


def test_a_generated_key_is_of_the_home_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    key = customer_key(tmp_path / "home")
    file = tmp_path / "home" / KEY_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (len(key), customer_key(tmp_path / "home")) == (64, key)
    assert customer_key(tmp_path / "other") != key


@pytest.mark.parametrize("permissions", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_may_read_is_refused_with_what_to_do(
    tmp_path: Path, permissions: int
) -> None:
    customer_key(tmp_path)
    file = tmp_path / KEY_FILE
    file.chmod(permissions)
    with pytest.raises(CustomerKeyUnsafe) as refused:
        register_functions(duckdb.connect(), tmp_path)
    assert f"expected a file that only its owner may read (0600), found {permissions:04o}" in str(
        refused.value
    )
    assert f"chmod 600 {file}" in str(refused.value)
    file.chmod(0o600)
    register_functions(duckdb.connect(), tmp_path)


def test_a_key_that_can_be_guessed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / KEY_FILE).touch(mode=0o600)
    with pytest.raises(CustomerKeyUnsafe, match="at least 16 characters, found 0. Remove the file"):
        customer_key(tmp_path)
    monkeypatch.setenv("MESHCAST_CUSTOMER_KEY", "secret")
    with pytest.raises(CustomerKeyUnsafe, match="MESHCAST_CUSTOMER_KEY: expected a key of at leas"):
        customer_key(tmp_path)
    monkeypatch.setenv("MESHCAST_CUSTOMER_KEY", "sixteen letters.")
    assert customer_key(tmp_path) == b"sixteen letters."


def test_a_command_ends_with_that_message(tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    (tmp_path / KEY_FILE).write_text("0" * 64)
    (tmp_path / KEY_FILE).chmod(0o644)
    ended = meshcast(tmp_path, "land", expect=1)
    assert ended.stderr.startswith("meshcast: ")
    assert "expected a file that only its owner may read" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_revision_of_loaded_lines_is_another_for_another_key() -> None:
    assert keyed_revision(b"a" * 64) == keyed_revision(b"a" * 64)
    assert keyed_revision(b"a" * 64) != keyed_revision(b"b" * 64)


def test_the_key_is_in_nothing_that_a_finished_home_holds(published_home: Path) -> None:
    """Compiled SQL, logs, manifests, results of dbt and Dagster, the warehouse, what is published.

    Bytes are searched in every file; Parquet and DuckDB compress, so their values are, too.
    """
    text = (published_home / KEY_FILE).read_text()
    forms = (text.encode(), text.upper().encode(), bytes.fromhex(text))
    files = [file for file in published_home.parent.rglob("*") if file.is_file()]
    searched = [file for file in files if file.name != KEY_FILE]
    assert not [file for file in searched if any(form in file.read_bytes() for form in forms)]

    names = {file.name for file in searched}
    assert {"manifest.json", "run_results.json", "last_run.log", "audit.json"} <= names
    assert any("compiled" in file.parts and file.suffix == ".sql" for file in searched)

    with duckdb.connect(str(settings_of(published_home).warehouse_file), read_only=True) as home:
        tables = home.execute(
            'select format(\'"{}"."{}"\', schema_name, table_name) from duckdb_tables()'
        ).fetchall()
        published = [f"read_parquet('{file}')" for file in searched if file.suffix == ".parquet"]
        places = [name for (name,) in tables] + [name for name in published if "published" in name]
        assert len(places) > 50
        for place in places:
            found = home.execute(
                f"select count(*) from {place} as line where contains(lower(line::varchar), ?)",
                [text],
            ).fetchone()
            assert found == (0,), place
