"""One publisher at a time; readers never take part in it."""

from __future__ import annotations

from contextlib import AbstractContextManager

from dagster_project.lock import exclusive
from dagster_project.settings import Settings


def publishing_lock(settings: Settings) -> AbstractContextManager[None]:
    """Hold the published folder for one change.

    Raises:
        Locked: another process publishes, and did for `settings.lock_timeout_seconds`.
    """
    return exclusive(
        settings.published / "publishing.lock",
        holder="publication",
        timeout=settings.lock_timeout_seconds,
    )
