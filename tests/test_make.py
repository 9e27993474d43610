"""`make`: what it prepares, that it does so once, and what it leaves alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from dagster_project.settings import CHECKOUT

STAMPS = (".venv/run.stamp", ".venv/dev.stamp", ".venv-peers/peers.stamp")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What `make` reads of a checkout."""
    folder = tmp_path / "clone"
    shutil.copytree(CHECKOUT / "requirements", folder / "requirements")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(CHECKOUT / name, folder / name)
    return folder


def make(folder: Path, *arguments: str, **variables: str) -> list[str]:
    """Run make without what a make or meshcast around this test has set; return what it says."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if "MAKE" not in name and not name.startswith("MESHCAST_")
    }
    ran = subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env={**inherited, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.splitlines()


def prepared(clone: Path) -> None:
    """Leave the marks of a set-up that has ended."""
    later = time.time() + 10
    for stamp in STAMPS:
        (clone / stamp).parent.mkdir(exist_ok=True)
        (clone / stamp).touch()
        os.utime(clone / stamp, (later, later))


@pytest.mark.parametrize("target", ["run", "test", "ui", "lint", "benchmarks"])
def test_the_first_call_installs_hashed_requirements_and_the_second_nothing(
    clone: Path, target: str
) -> None:
    first = make(clone, "-n", target)
    installs = [line for line in first if "pip install" in line]
    assert any("--require-hashes -r requirements/run.txt" in line for line in installs)
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)
    prepared(clone)
    assert make(clone, "-n", target) == [
        line for line in first if line.startswith(".venv/bin/") and "pip install" not in line
    ]


def test_the_second_run_is_two_commands(clone: Path) -> None:
    prepared(clone)
    assert make(clone, "-n", "run") == [
        ".venv/bin/meshcast land complete-journey",
        ".venv/bin/meshcast run --today 2018-01-01",
    ]


def test_changed_requirements_are_installed_again(clone: Path) -> None:
    prepared(clone)
    changed = time.time() + 20
    os.utime(clone / "requirements" / "run.txt", (changed, changed))
    assert [line for line in make(clone, "-n", "run") if "-r requirements/run.txt" in line]


def test_clean_removes_the_demos_home_and_no_other(clone: Path, tmp_path: Path) -> None:
    kept = {path for path in clone.rglob("*")}
    for home in (clone / ".meshcast", clone / "mine", tmp_path / "elsewhere"):
        (home / "landing").mkdir(parents=True)
    prepared(clone)
    make(clone, "clean", MESHCAST_HOME=str(tmp_path / "elsewhere"))
    assert {path for path in clone.rglob("*")} == kept | {clone / "mine", clone / "mine/landing"}
    assert (tmp_path / "elsewhere" / "landing").exists()
