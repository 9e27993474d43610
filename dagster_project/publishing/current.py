"""Which publication is current: a link, swapped in one step, that is the truth for everybody.

published/publications/<n>/     immutable; numbers count up, the newest is current
published/current               -> publications/<n>
published/candidate             -> publications/<n>, only while it is audited
published/sales.duckdb          -> current/sales.duckdb
published/restricted/...        -> ../current/restricted/sales.duckdb
"""

from __future__ import annotations

import json
import os
import shutil
from datetime import timedelta
from pathlib import Path

import duckdb

from dagster_project.contracts.contract import read_contracts
from dagster_project.privacy import private_folder
from dagster_project.publishing.access import restricted_readers, set_access
from dagster_project.publishing.lock import publishing_lock
from dagster_project.publishing.manifest import AUDIT, MANIFEST, Publication, read_manifest
from dagster_project.publishing.port_file import (
    OPEN_FILE,
    RESTRICTED,
    RESTRICTED_FILE,
    is_linked,
    write_port_files,
)
from dagster_project.publishing.test_result import PASSED
from dagster_project.settings import Settings
from dagster_project.warehouse import commit_point, transaction, warehouse

CURRENT = "current"
CANDIDATE = "candidate"
KEPT_PUBLICATIONS = 30
KEPT_FAILURES = 10


class CurrentLinkMissing(RuntimeError):
    """There are publications, but nothing says which one is current."""


class UnknownPublication(LookupError):
    """A publication was asked for that does not exist, or not any more."""


def publication_folder(settings: Settings, number: int) -> Path:
    """Where a publication's files are."""
    return settings.published / "publications" / str(number)


def current_number(settings: Settings) -> int | None:
    """Number of the current publication; None before the first.

    Raises:
        CurrentLinkMissing: the link is gone, but publications are there.
    """
    link = settings.published / CURRENT
    if link.is_symlink():
        return int(link.readlink().name)
    if link.exists() or len(_numbers(settings)) > 1:
        raise _link_missing(settings)
    return None


def current_publication(settings: Settings) -> Publication | None:
    """The current publication; None before the first."""
    number = current_number(settings)
    return None if number is None else read_manifest(publication_folder(settings, number))


def publications(settings: Settings) -> list[Publication]:
    """Every publication that was ever current and is still kept, oldest first.

    Raises:
        CurrentLinkMissing: nothing says which one is current.
        ManifestDamaged: the manifest of one cannot be read, or the current one has none.
    """
    current = current_number(settings)
    if current is None:
        return []
    return [
        read_manifest(publication_folder(settings, number))
        for number in _numbers(settings)
        if number == current
        or (number < current and (publication_folder(settings, number) / MANIFEST).exists())
    ]


def find_publication(settings: Settings, number: int) -> Publication:
    """Return one publication by its number.

    Raises:
        UnknownPublication: it does not exist; names those that do.
    """
    found = {publication.number: publication for publication in publications(settings)}
    if number not in found:
        known = ", ".join(str(known) for known in found) or "none yet"
        raise UnknownPublication(
            f"publication {number}: expected one that is kept, which are {known}. Choose one of "
            "them; `meshcast publications` tells what they hold."
        )
    return found[number]


def make_current(settings: Settings, number: int) -> None:
    """Make an audited candidate current, for all readers of all ports in one step."""
    folder = publication_folder(settings, number)
    private_folder(settings.published / RESTRICTED)
    set_access(settings, folder, restricted_readers(settings))
    _sync(folder)
    _link(settings.published / OPEN_FILE, f"{CURRENT}/{OPEN_FILE}")
    _link(settings.published / RESTRICTED_FILE, f"../{CURRENT}/{RESTRICTED_FILE}")
    _link(settings.published / CURRENT, f"publications/{number}")
    _sync_one(settings.published)
    (settings.published / CANDIDATE).unlink(missing_ok=True)
    commit_point("published")


def point_candidate(settings: Settings, number: int) -> None:
    """Let the link that dbt's `candidate` target opens name a publication."""
    _link(settings.published / CANDIDATE, f"publications/{number}")


def reconcile(settings: Settings) -> None:
    """Bring folder and warehouse back to what the current link says, after any interruption.

    Raises:
        CurrentLinkMissing: nothing says what is current; nothing has been touched.
        Locked: another process publishes.
        WarehouseLocked: another process holds the warehouse.
    """
    with publishing_lock(settings):
        discard_unpublished(settings)
        let_readers_in(settings)
        with warehouse(settings) as connection:
            record_publications(settings, connection)


def let_readers_in(settings: Settings) -> None:
    """Give every publication the rights of today's contracts and of this machine's groups."""
    readers = restricted_readers(settings)
    for publication in publications(settings):
        set_access(settings, publication_folder(settings, publication.number), readers)


def discard_unpublished(settings: Settings) -> None:
    """Remove candidates that never became current, and publications half removed.

    The current one stays, whatever it lacks: its data may be all that is left of it.

    Raises:
        CurrentLinkMissing: nothing says what is current, but the warehouse knows there was one.
    """
    current = current_number(settings) or 0
    if current == 0 and _numbers(settings):
        with warehouse(settings) as connection:
            if connection.execute("select 1 from state.publications limit 1").fetchone():
                raise _link_missing(settings)
    (settings.published / CANDIDATE).unlink(missing_ok=True)
    for number in _numbers(settings):
        folder = publication_folder(settings, number)
        if number > current or (number < current and not (folder / MANIFEST).exists()):
            shutil.rmtree(folder)


def record_publications(settings: Settings, connection: duckdb.DuckDBPyConnection) -> None:
    """Make state.publications follow the folder; publications not kept any more stay recorded."""
    kept = publications(settings)
    current = kept[-1].number if kept else 0
    rows = [
        (
            item.number,
            item.published_at,
            item.kind,
            item.cutoff_on,
            item.forecast_version,
            item.model_version,
            item.number == current,
        )
        for item in kept
    ]
    with transaction(connection):
        connection.execute(
            "delete from state.publications where publication > ? or publication in"
            " (select unnest(?::bigint[]))",
            [current, [item.number for item in kept]],
        )
        connection.execute("update state.publications set is_current = false where is_current")
        if rows:
            connection.executemany("insert into state.publications values (?,?,?,?,?,?,?)", rows)
    commit_point("reconciled")


def ports_are_linked(settings: Settings) -> bool:
    """Whether readers reach the current publication: false after a home was moved or copied."""
    link = settings.published / CURRENT
    if not link.is_symlink():
        return not _numbers(settings)
    return is_linked(publication_folder(settings, int(link.readlink().name)))


def relink(settings: Settings) -> list[int]:
    """Mend the absolute paths of every publication, and a lost current link.

    Returns:
        Numbers of the publications whose port files were written again.
    """
    with publishing_lock(settings):
        _mend_current_link(settings)
        kept = publications(settings)
        mended = []
        for position, publication in enumerate(kept):
            folder = publication_folder(settings, publication.number)
            if not is_linked(folder):
                write_port_files(folder, kept[: position + 1])
                mended.append(publication.number)
        let_readers_in(settings)
        return mended


def _mend_current_link(settings: Settings) -> None:
    """Make the newest audited publication current when the link to it was lost in a copy."""
    link = settings.published / CURRENT
    audited = [
        number
        for number in _numbers(settings)
        if _passed_its_audit(publication_folder(settings, number))
    ]
    if link.is_symlink() or not audited:
        return
    if link.is_dir():
        shutil.rmtree(link)
    make_current(settings, audited[-1])


def _passed_its_audit(folder: Path) -> bool:
    """Whether a publication was audited and passed; one that was killed may have done neither."""
    file = folder / AUDIT
    if not file.exists():
        return False
    return all(test["status"] in PASSED for test in json.loads(file.read_text(encoding="utf-8")))


def collect(settings: Settings, *, keep: int = KEPT_PUBLICATIONS) -> list[int]:
    """Remove publications that no contract promises to keep any more.

    A publication is removed when it is not among the newest `keep`, and was followed by another one
    before the longest retention of the contracts, counted back from `settings.today`. Files that a
    kept publication shares with it stay, since each has its own link.

    Returns:
        Numbers of the removed publications.
    """
    with publishing_lock(settings):
        kept = publications(settings)
        repeated = {publication.rollback_of for publication in kept}
        oldest = settings.today - timedelta(days=_retention_days())
        removed = [
            earlier.number
            for earlier, later in zip(kept, kept[1:], strict=False)
            if later.published_at.date() < oldest
            and earlier.number <= kept[-1].number - keep
            and earlier.number not in repeated
        ]
        for number in removed:
            folder = publication_folder(settings, number)
            (folder / MANIFEST).unlink()  # from now on it is half removed, which a start finishes
            shutil.rmtree(folder)
        return removed


def failed_folder(settings: Settings, publication: Publication) -> Path:
    """Where a candidate is kept that failed its audit at a moment."""
    moment = f"{publication.published_at:%Y%m%dT%H%M%S%f}"
    return settings.published / "failed" / f"{publication.number}-{moment}"


def collect_failures(settings: Settings) -> None:
    """Remove candidates that failed their audit, but for the newest `KEPT_FAILURES`."""
    by_moment = sorted(
        (settings.published / "failed").iterdir(), key=lambda folder: folder.name.partition("-")[2]
    )
    for folder in by_moment[:-KEPT_FAILURES]:
        shutil.rmtree(folder)


def _link_missing(settings: Settings) -> CurrentLinkMissing:
    link = settings.published / CURRENT
    return CurrentLinkMissing(
        f"{link}: expected a link to the current publication, found "
        f"{'a copy of one' if link.exists() else 'none'} beside {len(_numbers(settings))} "
        "publications. `meshcast relink` makes the newest current; copy a home with its links."
    )


def _retention_days() -> int:
    days = [
        int(promise.value)
        for contract in read_contracts()
        for promise in contract.sla
        if promise.property == "retention"
    ]
    return max(days, default=0)


def _numbers(settings: Settings) -> list[int]:
    folder = settings.published / "publications"
    if not folder.exists():
        return []
    return sorted(int(entry.name) for entry in folder.iterdir() if entry.name.isdigit())


def _link(link: Path, target: str) -> None:
    """Let a link name a target, replacing what it named before in one step."""
    part = link.with_name(f"{link.name}.part")
    part.unlink(missing_ok=True)
    part.symlink_to(target)
    os.replace(part, link)


def _sync(folder: Path) -> None:
    """Put a folder and all in it on the disk."""
    for parent, _, names in os.walk(folder):
        for name in names:
            _sync_one(Path(parent) / name)
        _sync_one(Path(parent))


def _sync_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
