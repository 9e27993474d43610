"""What the audit found on the published files, for each product."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

AUDIT = "audit.json"
SIGNS = {"pass": "✓", "warn": "!"}


@dataclass(frozen=True)
class Check:
    """The result of one test.

    Attributes:
        name: the test.
        status: pass, warn, fail or error.
        failures: rows that break it; None when it could not run.
        message: what it says beyond the status.
    """

    name: str
    status: str
    failures: int | None
    message: str | None

    @property
    def title(self) -> str:
        """The test as a sentence; names of tables stay what they are."""
        return self.name.replace("_", " ")

    @property
    def sign(self) -> str:
        """A sign beside the colour, for those who see none."""
        return SIGNS.get(self.status, "✗")


def read_checks(folder: Path) -> tuple[Check, ...]:
    """The results that a publication was made current with, sorted by name."""
    found = json.loads((folder / AUDIT).read_text(encoding="utf-8"))
    checks = [
        Check(item["name"], item["status"], item["failures"], item["message"]) for item in found
    ]
    return tuple(sorted(checks, key=lambda check: check.name))


def checks_of(checks: Iterable[Check], relations: Sequence[str]) -> tuple[Check, ...]:
    """Those whose name has one of some tables in it."""
    return tuple(check for check in checks if any(name in check.name for name in relations))


def told(checks: Sequence[Check]) -> str:
    """How many of the checks passed."""
    passed = sum(check.status == "pass" for check in checks)
    return f"{passed} of {len(checks)} passed" if checks else "none"
