"""What a landed file holds of a person, and what stays of a file that is written again."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dagster_project.sources import Entity


@dataclass(frozen=True)
class Traces:
    """What a file holds of a person.

    Attributes:
        lines: lines that name them.
        spellings: the values as they stand there; each has a hash of its own.
    """

    lines: int
    spellings: frozenset[str]


def is_personal(name: str, entity: Entity) -> bool:
    """Whether a column of a file is one that the entity declares as personal."""
    return any(
        column.is_personal and name.casefold() in {own.casefold() for own in column.names}
        for column in entity.columns
    )


def is_emptied(name: str, entity: Entity) -> bool:
    """Whether a column says who it was: a personal one, or one that nobody declared."""
    return name.casefold() not in entity.column_names or is_personal(name, entity)


def as_before(file: Path, new: Path) -> None:
    """Give a new file the owner and rights of the one it replaces, before anything is in it."""
    status = file.stat()
    new.touch(mode=0o600)
    with suppress(PermissionError):
        os.chown(new, status.st_uid, status.st_gid)
    new.chmod(status.st_mode & 0o777 | 0o200)


def dated_as(file: Path, new: Path) -> None:
    """Give a new file the time of change of the one it replaces."""
    status = file.stat()
    os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
