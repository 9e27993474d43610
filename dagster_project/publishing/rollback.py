"""Make an earlier publication current again, and keep the next schedule from undoing it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from dagster_project.publishing.candidate import complete
from dagster_project.publishing.current import (
    current_number,
    discard_unpublished,
    find_publication,
    make_current,
    publication_folder,
)
from dagster_project.publishing.erasures import refuse_while_erasing
from dagster_project.publishing.lock import publishing_lock
from dagster_project.publishing.manifest import AUDIT, INPUTS, Publication, write_json
from dagster_project.publishing.sharing import make_port_folder, share
from dagster_project.settings import Settings

PAUSED = "paused.json"


class CannotRollBack(RuntimeError):
    """The publication cannot become current again."""


@dataclass(frozen=True)
class Pause:
    """Why nothing is published automatically.

    Attributes:
        since: when the pause began.
        rolled_back_to: the publication that was made current again.
        reason: what for.
    """

    since: datetime
    rolled_back_to: int
    reason: str


def rollback(settings: Settings, *, to: int, reason: str, published_at: datetime) -> Publication:
    """Publish an earlier publication again, all ports together, and pause automatic publication.

    The warehouse is not needed: it follows at the next start.

    Args:
        settings: the deployment.
        to: number of the earlier publication.
        reason: why, for whoever finds publication paused.
        published_at: the moment of the rollback, with a time zone.

    Raises:
        UnknownPublication: it is not kept.
        CannotRollBack: it is current already, or a file of it is not what its manifest says.
        ErasureUnfinished: the erasure of a person was interrupted.
        Locked: another process publishes.
    """
    with publishing_lock(settings):
        refuse_while_erasing(settings)
        discard_unpublished(settings)
        earlier = find_publication(settings, to)
        number = current_number(settings) or 0
        if to == number:
            raise CannotRollBack(f"publication {to}: expected an earlier one, found the current.")
        source = publication_folder(settings, to)
        _verify(source, earlier)
        write_json(
            settings.published / PAUSED,
            {"since": published_at, "rolled_back_to": to, "reason": reason},
        )
        folder = publication_folder(settings, number + 1)
        for path in _hash_by_path(earlier):
            make_port_folder(folder, str(Path(path).parent))
            share(source / path, folder / path)
        for name in (INPUTS, AUDIT):
            share(source / name, folder / name)
        again = replace(
            earlier,
            number=number + 1,
            published_at=published_at,
            kind="rollback",
            rollback_of=to,
            reason=reason,
        )
        complete(settings, again)
        make_current(settings, again.number)
        return again


def automatic_publication_paused(settings: Settings) -> Pause | None:
    """Why schedules and runs must not publish; None when they may."""
    file = settings.published / PAUSED
    if not file.exists():
        return None
    found = json.loads(file.read_text(encoding="utf-8"))
    return Pause(datetime.fromisoformat(found["since"]), found["rolled_back_to"], found["reason"])


def resume(settings: Settings) -> bool:
    """Let runs publish again; return whether they were paused."""
    file = settings.published / PAUSED
    was_paused = file.exists()
    file.unlink(missing_ok=True)
    return was_paused


def _verify(folder: Path, publication: Publication) -> None:
    feeds = {item.path: item.sha256 for item in publication.changes}
    for path, sha256 in (_hash_by_path(publication) | feeds).items():
        file = folder / path
        found = None
        if file.exists():
            with file.open("rb") as content:
                found = hashlib.file_digest(content, "sha256").hexdigest()
        if found != sha256:
            raise CannotRollBack(
                f"{file}: expected the sha256 {sha256}, found {found or 'no file'}. "
                "Restore it from a backup, or roll back to another publication."
            )


def _hash_by_path(publication: Publication) -> dict[str, str]:
    """The sha256 of what a rollback repeats: the data, the model and the documents."""
    found = {item.path: item.sha256 for item in publication.model_files}
    found |= {item.path: item.sha256 for item in publication.documents}
    for manifest in publication.ports.values():
        found |= {data.path: data.sha256 for data in manifest.files}
    return found
