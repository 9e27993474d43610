"""A real run, killed at every commit point and at random moments, and run again."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dagster_project import publishing
from dagster_project.settings import CHECKOUT
from dagster_project.warehouse import warehouse
from tests.command_line import CUTOFF_ON, copy_home, execute, land_invented, meshcast, settings_of
from tests.invented import FIRST_DAY, write_complete_journey
from tests.published_reader import read
from tests.test_erasure import ERASURE_POINTS

LAST_DAY = CUTOFF_ON + timedelta(days=7)
"""A week of new sales, so that retraining is due."""

ORIGIN_ON = str(LAST_DAY + timedelta(days=1))
RUN = ("run", "--today", ORIGIN_ON)
SEED = 20171020
KILLS = 10

# In the order a run comes to them: the first of `reconciled` is its start. Once there is a model, a
# run is the Dagster job that comes to the point, which spares the test what it does not kill.
PUBLISHING_JOB = (f"forecast_and_publish={ORIGIN_ON}",)
COMMIT_POINTS = {
    "reconciled": RUN,
    "files_registered": RUN,
    "model_saved": RUN,
    "champion_changed": ("retrain",),
    "forecast_written": PUBLISHING_JOB,
    "candidate_written": PUBLISHING_JOB,
    "candidate_audited": PUBLISHING_JOB,
    "published": PUBLISHING_JOB,
}

# What a home holds, without the moments at which it was written.
STATE = {
    "files": "select * exclude (first_seen_at) from state.landing_files",
    "loads": "select * exclude (loaded_at) from loads",
    "accepted": "select * from sales_events_accepted",
    "quarantined": "select * from sales_events_quarantined",
    "changes": "select * from daily_sales_changes",
    "daily": "select * from sales_by_day",
    "forecasts": "select * exclude (issued_at) from state.forecast_versions",
    "ledger": "select * exclude (issued_at) from state.forecast_ledger",
    # A version is named for its content; the bytes of its archive also tell when it was written.
    # The revision is that of a checkout that somebody may be working in.
    "models": "select * exclude (trained_at, model, sha256, code_revision)"
    " from state.model_versions",
    "scores": "select * from state.backtest_scores",
    "ladders": "select * from state.forecast_value_added",
    "publications": "select * exclude (published_at) from state.publications",
}


def state_of(home: Path) -> dict[str, Any]:
    """Rows and a hash of every table that matters, and the content of each publication."""
    settings = settings_of(home)
    with warehouse(settings, read_only=True) as connection:
        found: dict[str, Any] = {
            name: connection.execute(
                f"select count(*), sum(hash(state)) from ({query}) as state"
            ).fetchall()
            for name, query in STATE.items()
        }
    found["published"] = [
        (
            publication.number,
            publication.kind,
            publication.forecast_version,
            publication.model_version,
            {name: port.content_hash for name, port in publication.ports.items()},
        )
        for publication in publishing.publications(settings)
    ]
    found["folders"] = sorted(path.name for path in settings.published.rglob("publications/*"))
    found["failed"] = sorted(path.name for path in settings.published.glob("failed/*"))
    return found


@pytest.fixture(scope="module")
def week_landed(build_once: Callable[..., Path], published_home: Path) -> Path:
    """A published home with a week of files that no run has seen, and how its run goes."""

    def make(folder: Path) -> None:
        copy_home(published_home, folder / "home")
        source_data = folder / "source_data"
        write_complete_journey(source_data, days=(LAST_DAY - FIRST_DAY).days + 1)
        land_invented(folder / "home", source_data, until=LAST_DAY)
        undisturbed = copy_home(folder / "home", folder / "undisturbed")
        started = time.monotonic()
        meshcast(undisturbed, *RUN)
        (folder / "seconds").write_text(str(time.monotonic() - started))

    return build_once("week_landed", make)


@pytest.fixture
def killed_home(week_landed: Path, tmp_path: Path) -> Path:
    return copy_home(week_landed / "home", tmp_path / "killed")


@contextmanager
def reader_of(home: Path) -> Iterator[list[list[Any]]]:
    """Query the port in a loop meanwhile; afterwards the list holds every different answer."""
    answers: list[list[Any]] = []
    port = str(home / "published" / "sales.duckdb")
    with subprocess.Popen(
        [sys.executable, "-m", "tests.published_reader", port],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as reader:
        try:
            yield answers
        finally:
            out, errors = reader.communicate("\n", timeout=60)
    assert reader.returncode == 0, errors
    answers += [json.loads(line) for line in out.splitlines()]


def whole_publications(week_landed: Path) -> list[list[Any]]:
    """What a reader may see: the publication before the run, and the one after it."""
    return [
        read(str(week_landed / home / "published" / "sales.duckdb"))
        for home in ("home", "undisturbed")
    ]


def killed_after(home: Path, seconds: float) -> bool:
    """Start a run and kill it with all its children; False when it had ended before."""
    with subprocess.Popen(
        [sys.executable, "-m", "dagster_project", *RUN],
        cwd=CHECKOUT,
        env={**os.environ, "MESHCAST_HOME": str(home), "PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as run:
        try:
            run.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
        return run.wait() == -signal.SIGKILL


def test_a_run_killed_at_each_commit_point_ends_as_an_undisturbed_one(
    week_landed: Path, killed_home: Path
) -> None:
    with reader_of(killed_home) as seen:
        for point, arguments in COMMIT_POINTS.items():
            execute(
                [sys.executable, "-m", "tests.killed_run", point, *arguments],
                killed_home,
                expect=-signal.SIGKILL,
                MESHCAST_TODAY=ORIGIN_ON,
            )
        meshcast(killed_home, *RUN)

    assert state_of(killed_home) == state_of(week_landed / "undisturbed")
    assert seen == whole_publications(week_landed)


def test_every_commit_point_of_the_source_is_killed_at() -> None:
    source = "".join(file.read_text() for file in (CHECKOUT / "dagster_project").rglob("*.py"))
    assert set(re.findall(r'\bcommit_point\("(\w+)"\)', source)) == {
        *COMMIT_POINTS,
        *ERASURE_POINTS,
    }


def test_a_run_killed_at_ten_random_moments_ends_as_an_undisturbed_one(
    week_landed: Path, killed_home: Path
) -> None:
    whole = float((week_landed / "seconds").read_text())
    moments = random.Random(SEED)
    with reader_of(killed_home) as seen:
        # Early ones first: a run that gets through leaves the later ones less to interrupt.
        for moment in sorted(moments.uniform(0.05, 0.95) for _ in range(KILLS)):
            seconds = moment * whole
            while not killed_after(killed_home, seconds):
                seconds /= 2
        meshcast(killed_home, *RUN)

    assert state_of(killed_home) == state_of(week_landed / "undisturbed")
    assert seen == whole_publications(week_landed)
