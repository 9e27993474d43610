"""Fixtures that more than one test file uses."""

from __future__ import annotations

import fcntl
import json
import os
import pickle
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import settings as hypothesis_settings

from dagster_project.contracts.dry_build import DryBuild, dry_build
from dagster_project.settings import CHECKOUT, Settings
from tests.command_line import (
    CUTOFF_ON,
    NEXT_DAY,
    copy_home,
    land_invented,
    meshcast,
    without_network,
)

# How long an example takes says how busy the machine is, and fails no test.
hypothesis_settings.register_profile("meshcast", deadline=None)
hypothesis_settings.load_profile("meshcast")

COPIED = ("dagster_project", "dbt_project", "profiles", "data_products", "examples")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the commands work on, for tests that change it."""
    folder = tmp_path / "checkout"
    for name in COPIED:
        shutil.copytree(
            CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "target")
        )
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A deployment with a home of its own, on the day after 2017."""
    return Settings(home=tmp_path / "home", today=date(2018, 1, 1), lock_timeout_seconds=5)


@pytest.fixture
def land(settings: Settings) -> Callable[[str, Any], Path]:
    """Write a file into landing/: bytes and text as they are, frames and tables as Parquet."""

    def write(path: str, content: bytes | str | pd.DataFrame | pa.Table) -> Path:
        file = settings.landing / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            file.write_bytes(content)
        elif isinstance(content, str):
            file.write_text(content, encoding="utf-8", newline="")
        elif isinstance(content, pd.DataFrame):
            content.to_parquet(file, index=False)
        else:
            pq.write_table(content, file)
        return file

    return write


BuildOnce = Callable[[str, Callable[[Path], None]], Path]


@pytest.fixture(scope="session")
def build_once(tmp_path_factory: pytest.TempPathFactory) -> BuildOnce:
    """Build a folder once for all of xdist's workers, by the one that comes first."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def build(name: str, make: Callable[[Path], None]) -> Path:
        folder = shared / name
        with (shared / f"{name}.lock").open("a+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lock.seek(0)
            if not (state := lock.read()):
                lock.write("failed")  # whoever comes next need not try again
                make(folder)
                lock.truncate(0)
                lock.write("built")
            assert state != "failed", f"{name} could not be built, see the first test that failed"
        return folder

    return build


@pytest.fixture(scope="session")
def published_home(build_once: BuildOnce) -> Path:
    """A home that `meshcast run` has published from invented data; copy it before writing to it.

    Its landing folder ends on `command_line.CUTOFF_ON`; `page.json` beside it is what the run has
    printed, and source_data/ the tables the landing was written from. The run could reach no other
    machine: connections.txt tells of what it tried, person/ was the home folder of its user.
    """

    def make(folder: Path) -> None:
        land_invented(folder / "home", folder / "source_data", until=CUTOFF_ON)
        (folder / "person").mkdir()
        ran = meshcast(
            *(folder / "home", "run", "--today", str(NEXT_DAY), "--json"),
            HOME=str(folder / "person"),
            **without_network(folder / "connections.txt"),
        )
        (folder / "page.json").write_text(ran.stdout)

    return build_once("published", make) / "home"


@pytest.fixture(scope="session")
def published_page(published_home: Path) -> dict[str, Any]:
    """What the run that made `published_home` printed as JSON."""
    page: dict[str, Any] = json.loads((published_home.parent / "page.json").read_text())
    return page


@pytest.fixture(scope="session")
def built_dry(build_once: BuildOnce) -> DryBuild:
    """The project of this checkout, compiled for every source without a line of data."""

    def make(folder: Path) -> None:
        settings = Settings(home=folder / "home", today=date(2018, 1, 1))
        (folder / "build.pickle").write_bytes(pickle.dumps(dry_build(settings)))

    build: DryBuild = pickle.loads((build_once("dry", make) / "build.pickle").read_bytes())
    return build


@pytest.fixture
def home(published_home: Path, tmp_path: Path) -> Path:
    """A copy of `published_home` for one test."""
    return copy_home(published_home, tmp_path / "copy")
