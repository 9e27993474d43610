"""What lies in the landing folders: files, folders named like files, and strays."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dagster_project.landing.file import FORMATS
from dagster_project.sources import Source


@dataclass(frozen=True)
class FoundFile:
    """An entry of a landing folder that has to be a file.

    Attributes:
        path: path below the entity's folder, with forward slashes.
        size_bytes: its size; 0 when it is no file.
        changed_at: when its content last changed.
        oddity: what it is when it is not a file that can be landed, else None.
    """

    path: str
    size_bytes: int
    changed_at: datetime
    oddity: str | None = None


def names_in(folder: Path) -> set[str]:
    """The names in a folder, without hidden files and those still being written."""
    if not folder.is_dir():
        return set()
    return {name for name in os.listdir(folder) if not is_ignored(name)}


def found_files(folder: Path, below: str = "") -> Iterator[FoundFile]:
    """Everything under a folder that has to be a landed file; folders are walked through.

    A folder named like a file is not walked through but returned, as an oddity.
    """
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_ignored(entry.name):
                continue
            is_named_as_file = entry.name.lower().endswith(tuple(FORMATS))
            if entry.is_dir(follow_symlinks=False) and not is_named_as_file:
                yield from found_files(folder / entry.name, f"{below}{entry.name}/")
                continue
            path = os.fsencode(below + entry.name).decode(errors="backslashreplace")
            oddity = _oddity(entry) or (
                None if path == below + entry.name else "a name that is not UTF-8"
            )
            status = entry.stat(follow_symlinks=oddity is None)
            yield FoundFile(
                path=path,
                size_bytes=0 if oddity else status.st_size,
                changed_at=datetime.fromtimestamp(status.st_mtime, UTC),
                oddity=oddity,
            )


def stray_folders(landing: Path, sources: Iterable[Source], declared: set[str]) -> Iterator[str]:
    """Warn of what lies in landing/ where nobody reads it.

    Args:
        landing: the folder landing/.
        sources: the deployed sources.
        declared: names of all declared sources.
    """
    deployed = {source.name: source for source in sources}
    for name in sorted(names_in(landing)):
        if name not in deployed:
            advice = (
                "It is declared but not part of this deployment: name it in MESHCAST_SOURCES or "
                "in vars.sources of dbt_project.yml."
                if name in declared
                else _did_you_mean(name, declared)
            )
            yield f"landing/{name}: expected a source of {', '.join(deployed)}. {advice}"
            continue
        known = deployed[name].entities
        for entity in sorted(names_in(landing / name) - set(known)):
            yield (
                f"landing/{name}/{entity}: expected an entity of {', '.join(known)}. "
                f"{_did_you_mean(entity, known)}"
            )


def is_ignored(name: str) -> bool:
    """Whether a file is none to read: hidden, or still being written."""
    return name.startswith((".", "_")) or name.endswith((".tmp", ".part"))


def _oddity(entry: os.DirEntry[str]) -> str | None:
    if entry.is_file():
        return None
    if entry.is_dir():
        return "a folder"
    return "a broken link" if entry.is_symlink() else "neither a file nor a folder"


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    if close:
        return f"Rename it to {close[0]}, if that is what it is."
    return "Nothing in it is read: move it away, or declare it."
