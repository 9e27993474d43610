"""The commit and the packages that a result is recorded with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np

from dagster_project import revision


def test_the_code_revision_is_the_commit_and_says_when_files_differ(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    assert revision.code_revision(tmp_path) == "unknown"
    git("init")
    (tmp_path / "model.py").write_text("seed = 1\n")
    git("add", ".")
    git("commit", "-m", "first")
    commit = git("rev-parse", "HEAD")
    assert revision.code_revision(tmp_path) == commit
    (tmp_path / "model.py").write_text("seed = 2\n")
    assert revision.code_revision(tmp_path) == f"{commit}-dirty"
    folder = tmp_path / "installed"
    folder.mkdir()
    assert revision.code_revision(folder) == "unknown", "an enclosing repository is not ours"


def test_packages_that_decide_a_forecast_are_recorded() -> None:
    found = revision.package_versions()
    assert {"python", "numpy", "pandas", "scikit-learn", "duckdb"} <= set(found)
    assert found["numpy"] == np.__version__
