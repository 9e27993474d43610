"""The terminal is for the person: what dbt and Dagster print while they work goes into a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from dagster_project.privacy import owner_only


@contextmanager
def kept_for_us(log: Path) -> Iterator[TextIO]:
    """Yield the real standard output, while all else that this process prints goes into `log`.

    The swap is made below Python, at the file descriptors, since dbt and Dagster's log capture
    write there. The file holds the last run only; Dagster keeps the logs of every step.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    try:
        with open(log, "w", encoding="utf-8", opener=owner_only) as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        with os.fdopen(os.dup(kept[0]), "w", encoding="utf-8", buffering=1) as screen:
            yield screen
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, descriptor in enumerate(kept, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)
