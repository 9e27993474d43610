"""What one test of a candidate found."""

from __future__ import annotations

from dataclasses import dataclass

PASSED = ("pass", "warn")
"""The statuses of tests that let a candidate become current."""


@dataclass(frozen=True)
class TestResult:
    """Outcome of one test on the candidate.

    Attributes:
        name: the test.
        status: pass, warn, fail or error.
        failures: failing rows, or None when it could not run.
        message: what it says beyond the status.
        sql: the query whose rows are the failures, or None.
    """

    __test__ = False  # not one of pytest's classes, for all its name

    name: str
    status: str
    failures: int | None
    message: str | None
    sql: str | None = None
