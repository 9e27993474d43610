"""One holder at a time: a lock file that says who holds it, and frees itself with its process."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from dagster_project.privacy import owner_only

PAUSE_SECONDS = 0.1


class Locked(RuntimeError):
    """Somebody else held something for longer than we were told to wait."""


@contextmanager
def exclusive(path: Path, *, holder: str, timeout: float) -> Iterator[None]:
    """Hold a lock file for the length of the block.

    The system frees the lock when its process dies, however it dies.

    Args:
        path: the lock file; created where it is missing.
        holder: what to call ourselves to those who wait, such as the command.
        timeout: seconds to wait for another holder.

    Raises:
        Locked: another process held it all that time; names it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+", encoding="utf-8", opener=owner_only) as file:
        _wait(file, timeout)
        file.truncate(0)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        file.write(json.dumps({"pid": os.getpid(), "holder": holder, "since": since}))
        file.flush()
        yield


def _wait(file: TextIO, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise Locked(
                    f"{file.name}: waited {timeout:.0f} s for {_holder(file)}. Wait for it to end, "
                    "or stop it, and try again."
                ) from None
        time.sleep(PAUSE_SECONDS)


def _holder(file: TextIO) -> str:
    file.seek(0)
    try:
        found = json.loads(file.read())
    except ValueError:
        return "a process that has not said its name"
    return f"process {found['pid']} (`{found['holder']}`, since {found['since']})"
