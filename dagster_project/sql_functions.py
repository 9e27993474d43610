"""Functions that dbt's SQL calls but SQL cannot hold: hashes and public holidays.

dbt-duckdb loads this module as a plugin (profiles/profiles.yml), so that a plain `dbt build` has
them; `dagster_project.warehouse` registers the same ones on its own connections.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import holidays
import pyarrow as pa
from dateutil.easter import easter  # type: ignore[import-untyped]
from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb.func import FunctionNullHandling, PythonUDFType
from duckdb.sqltypes import BIGINT, DATE, VARCHAR

from dagster_project.privacy import private_folder
from dagster_project.settings import DBT_PROJECT, customer_key_from_environment

KEY_FILE = "customer.key"
SHORTEST_KEY = 16  # characters; a generated key has 64
LAYERS_AFTER_LOADING = ("features", "data_products", "observability")


class CustomerKeyUnsafe(RuntimeError):
    """The key of the customer hash can be read by others, or guessed; says what to do."""


def customer_hasher(key: bytes) -> Any:
    """Return the function text -> first 128 bits of HMAC-SHA-256 in hex, vectorised for Arrow."""

    @functools.lru_cache(maxsize=1_000_000)
    def hashed(customer: str) -> str:
        return hmac.new(key, customer.encode(), hashlib.sha256).hexdigest()[:32]

    def hash_customer(customers: pa.ChunkedArray) -> pa.Array:
        return pa.array(
            [None if value is None else hashed(value) for value in customers.to_pylist()],
            type=pa.string(),
        )

    return hash_customer


@functools.lru_cache(maxsize=4096)
def _holidays_of(country: str, year: int) -> dict[Any, str]:
    return dict(holidays.country_holidays(country, years=year))


def public_holiday(country: str, day: Any) -> str | None:
    """Name of the public holiday of `country` (ISO code) on `day`, or None."""
    return _holidays_of(country, day.year).get(day)


def easter_sunday(year: int) -> date:
    """Easter Sunday of the western churches in a year."""
    sunday: date = easter(year)
    return sunday


def customer_key(home: Path) -> bytes:
    """The key of the customer hash: MESHCAST_CUSTOMER_KEY, or the home's own generated file.

    Raises:
        CustomerKeyUnsafe: others may read the file, or the key is too short to be a secret.
    """
    from_environment = customer_key_from_environment()
    if from_environment is not None:
        return _long_enough(from_environment, "MESHCAST_CUSTOMER_KEY", "Set a longer one")
    path = home / KEY_FILE
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        candidate = home / f"{KEY_FILE}.{os.getpid()}"
        descriptor = os.open(candidate, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
        try:
            os.link(candidate, path)  # fails when another process was first: then its key counts
        except FileExistsError:
            pass
        finally:
            candidate.unlink()
    permissions = path.stat().st_mode & 0o777
    if permissions & 0o077:
        raise CustomerKeyUnsafe(
            f"{path}: expected a file that only its owner may read (0600), found "
            f"{permissions:04o}. If somebody may have read it, rotate the key (docs/operation.md); "
            f"then, or else: chmod 600 {path}"
        )
    remedy = "Remove the file: the next run makes a new key and hashes every line again"
    return _long_enough(path.read_text().strip().encode(), str(path), remedy)


def _long_enough(key: bytes, place: str, remedy: str) -> bytes:
    if len(key) < SHORTEST_KEY:
        raise CustomerKeyUnsafe(
            f"{place}: expected a key of at least {SHORTEST_KEY} characters, found {len(key)}. "
            f"{remedy}."
        )
    return key


@functools.cache
def sql_revision() -> str:
    """MD5 over the SQL of all models and macros, names included, in hex."""
    return content_md5(DBT_PROJECT, _sql_files())


@functools.cache
def loading_revision() -> str:
    """MD5 as `sql_revision`, over the SQL that landed files go through up to `loads`."""
    files = (file for file in _sql_files() if not _is_after_loading(file))
    return content_md5(DBT_PROJECT, files)


def keyed_revision(key: bytes) -> str:
    """What lines are loaded with: `loading_revision`, and which key customers are hashed with.

    So the next build reads every line again after the key was rotated, and no table mixes hashes
    of two keys. It tells nothing of the key: that is only the key of an HMAC in it.
    """
    return hmac.new(key, loading_revision().encode(), hashlib.sha256).hexdigest()[:32]


def _sql_files() -> list[Path]:
    """Models and macros, relative to the dbt project."""
    return [
        file.relative_to(DBT_PROJECT)
        for folder in ("macros", "models")
        for file in sorted((DBT_PROJECT / folder).rglob("*.sql"))
    ]


def _is_after_loading(file: Path) -> bool:
    if file.parts[0] == "macros":
        return file.name.startswith("feature_")
    return file.parts[1] in LAYERS_AFTER_LOADING and file.name != "loads.sql"


def content_md5(folder: Path, files: Iterable[Path]) -> str:
    """MD5 over the names and bytes of files, which are told relative to the folder, in hex."""
    digest = hashlib.md5(usedforsecurity=False)
    for file in files:
        digest.update(f"{file}\0".encode())
        digest.update((folder / file).read_bytes())
    return digest.hexdigest()


def register_functions(connection: duckdb.DuckDBPyConnection, home: Path) -> None:
    """Register the functions of this module that SQL calls, under their own names."""
    key = customer_key(home)
    connection.create_function("sql_revision", sql_revision, [], VARCHAR)
    connection.create_function("loading_revision", lambda: keyed_revision(key), [], VARCHAR)
    connection.create_function(
        "hash_customer",
        customer_hasher(key),
        [VARCHAR],
        VARCHAR,
        type=PythonUDFType.ARROW,
        null_handling=FunctionNullHandling.SPECIAL,
    )
    connection.create_function(
        "public_holiday",
        public_holiday,
        [VARCHAR, DATE],
        VARCHAR,
        null_handling=FunctionNullHandling.SPECIAL,
    )
    connection.create_function("easter_sunday", easter_sunday, [BIGINT], DATE)


class Plugin(BasePlugin):
    """What dbt-duckdb calls when it opens the warehouse."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:  # noqa: ARG002
        """Create the folder of a new home's warehouse, which dbt would wait for in vain."""
        if self.creds:
            private_folder(Path(str(self.creds.path)).parent)

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Register the functions on dbt's connection; the home is the folder above warehouse/."""
        database = Path(str(self.creds.path)).resolve() if self.creds else Path.cwd()
        register_functions(conn, database.parent.parent)
