"""One publisher at a time; readers never take part in it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from dagster_project.settings import Settings


class PublishingLocked(RuntimeError):
    """Another process publishes, and did for longer than we were told to wait."""


@contextmanager
def publishing_lock(settings: Settings) -> Iterator[None]:
    """Hold the published folder for one change; the system frees it when the process dies.

    Raises:
        PublishingLocked: it was held for `settings.lock_timeout_seconds`; names the process.
    """
    settings.published.mkdir(parents=True, exist_ok=True)
    path = settings.published / "publishing.lock"
    deadline = time.monotonic() + settings.lock_timeout_seconds
    with path.open("a+", encoding="utf-8") as file:
        while True:
            try:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    file.seek(0)
                    raise PublishingLocked(
                        f"{path}: waited {settings.lock_timeout_seconds:.0f} s for process "
                        f"{file.read().strip() or 'unknown'}, which publishes. Wait for it to end, "
                        "or stop it, and try again."
                    ) from None
            time.sleep(0.05)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
