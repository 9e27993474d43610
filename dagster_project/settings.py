"""Frozen settings of a deployment, and the only reader of the process environment."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
DBT_PROJECT = CHECKOUT / "dbt_project"
PROFILES = CHECKOUT / "profiles"
DATA_PRODUCTS = CHECKOUT / "data_products"

TODAY = "MESHCAST_TODAY"

HOME_SCHEMA_VERSION = 3
"""Layout of a home (its folders and state tables); one of another version is refused."""


@dataclass(frozen=True)
class Settings:
    """Where a deployment keeps its things and which day it believes today is.

    Attributes:
        home: folder that holds everything a run writes.
        sources: names of the deployed sources; empty means those of dbt_project.yml.
        today: the day freshness and deadlines are judged against.
        webhook_url: where alerts are posted besides the log, or None.
        lock_timeout_seconds: how long a writer waits for another one.
        groups: group of the system by role of a contract, where it is another than the contract's.
    """

    home: Path
    today: date
    sources: tuple[str, ...] = ()
    webhook_url: str | None = None
    lock_timeout_seconds: float = 60.0
    groups: tuple[tuple[str, str], ...] = ()

    @property
    def home_exists(self) -> bool:
        """Whether the folder is a home: somebody has landed, built or published there."""
        parts = (self.landing, self.warehouse_file, self.published)
        return any(part.exists() for part in parts)

    @property
    def landing(self) -> Path:
        """Folder of the immutable landing files: <source>/<entity>/<file>."""
        return self.home / "landing"

    @property
    def warehouse_file(self) -> Path:
        """The DuckDB file that dbt builds in."""
        return self.home / "warehouse" / "sales.duckdb"

    @property
    def normalised(self) -> Path:
        """Folder of the Parquet files made from landed CSV and JSON lines."""
        return self.home / "warehouse" / "normalised"

    @property
    def published(self) -> Path:
        """Folder of the publications and of the `current` link."""
        return self.home / "published"

    @property
    def dagster_home(self) -> Path:
        """DAGSTER_HOME of this deployment."""
        return self.home / "dagster"

    @property
    def dbt_executable(self) -> str:
        """The dbt beside this Python, so that an unactivated environment works."""
        beside = Path(sys.executable).parent / "dbt"
        return str(beside) if beside.exists() else shutil.which("dbt") or "dbt"


def load_settings(
    *,
    home: Path | None = None,
    today: date | None = None,
    sources: tuple[str, ...] | None = None,
) -> Settings:
    """Read settings from the environment; arguments win over it.

    MESHCAST_HOME, MESHCAST_TODAY (YYYY-MM-DD, default: the clock's date), MESHCAST_SOURCES (names
    separated by commas), MESHCAST_WEBHOOK_URL, MESHCAST_LOCK_TIMEOUT_SECONDS, MESHCAST_GROUPS
    (role=group, separated by commas).

    Raises:
        ValueError: when a variable does not parse; the message names it.
    """
    environment = dict(os.environ)
    chosen_home = home or Path(environment.get("MESHCAST_HOME") or CHECKOUT / ".meshcast")
    return Settings(
        home=chosen_home.expanduser().resolve(),
        today=today or _date_variable(environment, TODAY) or date.today(),
        sources=sources
        if sources is not None
        else tuple(
            name.strip()
            for name in environment.get("MESHCAST_SOURCES", "").split(",")
            if name.strip()
        ),
        webhook_url=environment.get("MESHCAST_WEBHOOK_URL") or None,
        lock_timeout_seconds=_float_variable(environment, "MESHCAST_LOCK_TIMEOUT_SECONDS", 60.0),
        groups=_pairs_variable(environment, "MESHCAST_GROUPS"),
    )


def dbt_environment(settings: Settings) -> dict[str, str]:
    """What a dbt process has to be told of a deployment besides its variables."""
    return {"MESHCAST_HOME": str(settings.home), TODAY: settings.today.isoformat()}


def customer_key_from_environment() -> bytes | None:
    """The key of the customer hash, MESHCAST_CUSTOMER_KEY, or None when the home keeps its own."""
    key = os.environ.get("MESHCAST_CUSTOMER_KEY")
    return key.encode() if key else None


def _date_variable(environment: dict[str, str], name: str) -> date | None:
    text = environment.get(name)
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{name}: expected a date as YYYY-MM-DD, found {text!r}") from None


def _pairs_variable(environment: dict[str, str], name: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for text in filter(str.strip, environment.get(name, "").split(",")):
        role, equals, group = (part.strip() for part in text.partition("="))
        if not (role and equals and group):
            raise ValueError(f"{name}: expected role=group, with commas between, found {text!r}")
        pairs.append((role, group))
    return tuple(pairs)


def _float_variable(environment: dict[str, str], name: str, default: float) -> float:
    text = environment.get(name)
    if not text:
        return default
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name}: expected a number of seconds, found {text!r}") from None
