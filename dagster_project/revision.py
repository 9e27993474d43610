"""What made a result: the commit of the code and the versions of its packages."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dagster_project.settings import CHECKOUT

RECORDED_PACKAGES = (
    "meshcast",
    "dagster",
    "dbt-core",
    "dbt-duckdb",
    "duckdb",
    "lightgbm",
    "numpy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "skops",
)


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that a forecast depends on, where installed."""
    found = {"python": platform.python_version()}
    for name in RECORDED_PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def code_revision(checkout: Path = CHECKOUT) -> str:
    """Commit of a checkout, with `-dirty` where files differ from it; `unknown` outside git."""
    top = _git(checkout, "rev-parse", "--show-toplevel")
    commit = _git(checkout, "rev-parse", "HEAD")
    if top is None or commit is None or Path(top).resolve() != checkout.resolve():
        return "unknown"
    return f"{commit}-dirty" if _git(checkout, "status", "--porcelain") else commit


def _git(checkout: Path, *arguments: str) -> str | None:
    """Output of a git command, or None where there is no git or no repository."""
    try:
        done = subprocess.run(
            ["git", "-C", str(checkout), *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
