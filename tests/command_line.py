"""The real command line in a process of its own, and homes of invented data to run it on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from dagster_project import publishing
from dagster_project.demo import write_landing
from dagster_project.settings import CHECKOUT, Settings
from tests.invented import FIRST_DAY, write_complete_journey

CUTOFF_ON = date(2017, 10, 13)
"""Last day of the published home. Its six backtest origins need sales until 2017-10-08."""

NEXT_DAY = CUTOFF_ON + timedelta(days=1)


def meshcast(
    home: Path, *arguments: str, expect: int = 0, checkout: Path = CHECKOUT, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `meshcast` of a checkout on a home; any other exit code than expected is a failure."""
    return execute(
        [sys.executable, "-m", "dagster_project", *arguments],
        home,
        expect=expect,
        checkout=checkout,
        **variables,
    )


def execute(
    command: list[str],
    home: Path,
    *,
    expect: int = 0,
    checkout: Path = CHECKOUT,
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    """Run a command in a checkout with MESHCAST_HOME set and nothing inherited of meshcast's."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MESHCAST_", "DAGSTER_", "PYTEST_", "COV_"))
    }
    ran = subprocess.run(
        command,
        cwd=checkout,
        env={
            **inherited,
            "MESHCAST_HOME": str(home),
            "PYTHONPATH": str(checkout),
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert ran.returncode == expect, f"exit code {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
    return ran


def without_network(tried: Path) -> dict[str, str]:
    """Variables that keep a command from other machines; the file `tried` tells of its tries."""
    folder = Path(__file__).parent / "refuse_connections"
    return {"PYTHONPATH": f"{folder}:{CHECKOUT}", "CONNECTIONS_REFUSED": str(tried)}


def land_invented(home: Path, source_data: Path, *, until: date) -> list[Path]:
    """Write the demo's landing files from invented tables up to a day; return the new ones."""
    if not source_data.exists():
        days = (NEXT_DAY - FIRST_DAY).days + 1
        write_complete_journey(source_data, days=days)
    return write_landing(home / "landing", source_data, until=until)


def invented_sales(source_data: Path) -> pd.DataFrame:
    """The invented sales lines with category and the day on the clock of the stores."""
    lines = pd.read_parquet(source_data / "transactions.parquet").merge(
        pd.read_parquet(source_data / "products.parquet"), on="product_id"
    )
    moments = lines["transaction_timestamp"].dt.tz_localize("UTC")
    return lines.assign(
        sold_on=moments.dt.tz_convert("America/New_York").dt.date,
        store_id=lines["store_id"].astype(str),
    )


def copy_home(home: Path, target: Path) -> Path:
    """Copy a home as a backup would, links kept, and let its ports point into the copy."""
    shutil.copytree(home, target, symlinks=True)
    publishing.relink(settings_of(target))
    return target


def copy_checkout(folder: Path) -> Path:
    """Copy what a run needs of the checkout, to be changed by a test."""
    unwanted = shutil.ignore_patterns("__pycache__", "logs", "target")
    for part in ("dagster_project", "dbt_project", "profiles", "data_products", "examples"):
        shutil.copytree(CHECKOUT / part, folder / part, ignore=unwanted)
    return folder


def settings_of(home: Path) -> Settings:
    """Settings of a home, on the day after the newest invented sales."""
    return Settings(home=home, today=NEXT_DAY + timedelta(days=1), lock_timeout_seconds=5)
