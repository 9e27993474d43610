"""Forget a person: landing, warehouse, publications and logs, in this order, and keep no name.

A line stays and says nothing of anybody any more, so sums, counts and forecasts stay as they were
(docs/decisions/0024). Before the first change a plan is written, `forgetting.json`, for the
owner's eyes only; each step can be done again, so an erasure that was killed is finished by the
same command. At the end the plan goes, and published/erasures.json tells what happened, without
the person.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from dagster_project.landing import LandedFile, erase_from, personal_files, sha256_of, traces_in
from dagster_project.logs import erase_from_logs
from dagster_project.privacy import owner_only
from dagster_project.publishing import (
    ERASURE_PLAN,
    Erasure,
    Replacement,
    erase_from_published,
    erasures,
    files_with,
    reconcile,
    record_erasure,
)
from dagster_project.settings import Settings
from dagster_project.sql_functions import customer_hasher, customer_key
from dagster_project.stages import stage
from dagster_project.warehouse import commit_point, rewrite_warehouse, transaction, warehouse

TEXT_COLUMNS = """
select columns.schema_name, columns.table_name, columns.column_name
from duckdb_columns() as columns
semi join duckdb_tables() as tables using (database_name, schema_name, table_name)
where columns.data_type in ('VARCHAR', 'JSON') and not columns.internal
order by all
"""


class UnknownCustomer(ValueError):
    """Nothing in the home names this person."""


class AnotherErasure(RuntimeError):
    """An erasure of somebody else was interrupted and has to be finished first."""


@dataclass(frozen=True)
class Plan:
    """What an erasure will change, written before it changes anything.

    Attributes:
        number: of the erasure; they count up.
        begun_at: when it began.
        keys: hashes of the person, one for each spelling of their number.
        salt: for ids that were derived from a key; it goes with the plan.
        files: landed files that name them, below landing/.
        lines: lines of these files that do.
        published: paths of published files that hold a key, by folder below published/.
        is_warehouse_done: whether the warehouse is without them, freed blocks included.
    """

    number: int
    begun_at: str
    keys: tuple[str, ...]
    salt: str
    files: tuple[str, ...]
    lines: int
    published: dict[str, list[str]]
    is_warehouse_done: bool = False


@dataclass(frozen=True)
class Forgotten:
    """What was done.

    Attributes:
        erasure: what is recorded of it.
        unreadable: landed files that nothing reads and that hold the number: a person must look.
    """

    erasure: Erasure
    unreadable: tuple[str, ...]


def forget(settings: Settings, customer: str, *, now: datetime) -> Forgotten:
    """Take a person out of the whole home. The caller holds the run lock.

    Args:
        settings: the deployment.
        customer: the person's number as it stands in landed files.
        now: the moment that is recorded.

    Raises:
        UnknownCustomer: nothing names them; nothing was changed.
        AnotherErasure: the plan of somebody else is there; nothing was changed.
        Locked: a publication or another writer is at work.
    """
    customer = customer.strip()
    if not customer:
        raise UnknownCustomer("forget: expected a customer's number, found nothing. Name one.")
    reconcile(settings)
    with stage("look for the person") as tell:
        plan, unreadable = _plan(settings, customer, now)
        _write(settings, plan)
        tell(f"{plan.lines:,} lines in {len(plan.files):,} landed files")
    commit_point("erasure_planned")
    with stage("landed files"):
        landed = [file for file in personal_files(settings) if file.shown_path in plan.files]
        for file in landed:
            erase_from(file, _normalised(settings, file), customer)
    commit_point("erased_from_landing")
    hashes = {file.file_id: sha256_of(file.file) for file in landed}
    replacement = Replacement(plan.keys, plan.salt)
    if not plan.is_warehouse_done:
        with stage("warehouse"):
            _erase_from_warehouse(settings, replacement, landed, hashes)
            rewrite_warehouse(settings)
            shutil.rmtree(f"{settings.warehouse_file}.tmp", ignore_errors=True)  # of a killed one
        plan = replace(plan, is_warehouse_done=True)
        _write(settings, plan)
    commit_point("erased_from_warehouse")
    with stage("publications") as tell:
        changed = erase_from_published(
            settings,
            plan.published,
            replacement,
            {
                (file.source.name, file.entity.name, file.path): hashes[file.file_id]
                for file in landed
            },
            plan.number,
        )
        tell(f"{len(changed)} publications follow")
    with stage("logs"):
        shutil.rmtree(settings.home / "reproduced", ignore_errors=True)
        erase_from_logs(settings.home, plan.keys, kept=(settings.home / ERASURE_PLAN,))
    commit_point("erased_from_published")
    erasure = Erasure(
        number=plan.number,
        erased_at=datetime.fromisoformat(plan.begun_at),
        landed_files=len(plan.files),
        lines=plan.lines,
        publications=tuple(changed),
        published_files=sum(len(paths) for paths in plan.published.values()),
    )
    record_erasure(settings, erasure)
    (settings.home / ERASURE_PLAN).unlink()
    return Forgotten(erasure, unreadable)


def _plan(settings: Settings, customer: str, now: datetime) -> tuple[Plan, tuple[str, ...]]:
    """The plan that is there, or a new one; and the unreadable files that hold the number."""
    found = {file.shown_path: traces_in(file, customer) for file in personal_files(settings)}
    unreadable = tuple(path for path, traces in found.items() if traces is None)
    named = {path: traces for path, traces in found.items() if traces is not None and traces.lines}
    spellings = {customer}.union(*(traces.spellings for traces in named.values()))
    hasher = customer_hasher(customer_key(settings.home))
    keys = tuple(sorted(hasher(pa.chunked_array([sorted(spellings)])).to_pylist()))
    plan = _read(settings)
    if plan is not None:
        if set(keys).isdisjoint(plan.keys):
            raise AnotherErasure(
                f"forget: an erasure that began at {plan.begun_at} was interrupted, and this is "
                "another person. Run `meshcast forget` for the first one again, then this one."
            )
        return plan, unreadable
    published = files_with(settings, keys)
    if not named and not published and not _is_in_warehouse(settings, keys):
        hint = f"; it may be in files that nothing reads: {', '.join(unreadable)}"
        raise UnknownCustomer(
            f"forget: expected a customer of this home, found none with this number in "
            f"{settings.landing}, warehouse or publications{hint if unreadable else ''}. Nothing "
            "was changed. Write it as it stands in the landed files."
        )
    recorded = erasures(settings)
    return (
        Plan(
            number=recorded[-1].number + 1 if recorded else 1,
            begun_at=now.isoformat(timespec="seconds"),
            keys=keys,
            salt=secrets.token_hex(16),
            files=tuple(sorted(named)),
            lines=sum(traces.lines for traces in named.values()),
            published=published,
        ),
        unreadable,
    )


def _is_in_warehouse(settings: Settings, keys: Sequence[str]) -> bool:
    with warehouse(settings) as connection:
        for schema, table, column in connection.execute(TEXT_COLUMNS).fetchall():
            text = f'cast("{column}" as varchar)'
            found = " or ".join(f"contains({text}, '{key}')" for key in keys)
            if connection.execute(
                f'select 1 from "{schema}"."{table}" where {found} limit 1'
            ).fetchone():
                return True
    return False


def _erase_from_warehouse(
    settings: Settings,
    replacement: Replacement,
    landed: Sequence[LandedFile],
    hashes: dict[int, str],
) -> None:
    """Null the keys wherever a table holds them, and let the register follow, all or nothing."""
    with warehouse(settings) as connection, transaction(connection):
        columns = connection.execute(TEXT_COLUMNS).fetchall()
        for schema, table, column in columns:
            text = f'cast("{column}" as varchar)'
            inside = text
            for key in replacement.keys:
                inside = f"replace(replace({inside}, '\"{key}\"', 'null'), '{key}', '')"
            held = " or ".join(f"contains({text}, '{key}')" for key in replacement.keys)
            changes = [
                f'"{column}" = case when {text} not in {replacement.listed} then {inside} end'
            ]
            if (schema, table, "event_id") in columns and column != "event_id":
                changes.append(
                    f"event_id = case when {text} in {replacement.listed}"
                    f" then {replacement.event_id()} else event_id end"
                )
            connection.execute(f'update "{schema}"."{table}" set {", ".join(changes)} where {held}')
        for file in landed:
            connection.execute(
                "update state.landing_files set sha256 = ?, size_bytes = ? where file_id = ?",
                [hashes[file.file_id], file.file.stat().st_size, file.file_id],
            )


def _normalised(settings: Settings, file: LandedFile) -> Path:
    folder = settings.normalised / file.source.name / file.entity.name
    return folder / f"{file.file_id}.parquet"


def _read(settings: Settings) -> Plan | None:
    file = settings.home / ERASURE_PLAN
    if not file.exists():
        return None
    found = json.loads(file.read_text(encoding="utf-8"))
    return Plan(**{**found, "keys": tuple(found["keys"]), "files": tuple(found["files"])})


def _write(settings: Settings, plan: Plan) -> None:
    part = settings.home / f".{ERASURE_PLAN}.tmp"
    with open(part, "w", encoding="utf-8", opener=owner_only) as file:
        json.dump(asdict(plan), file)
    part.replace(settings.home / ERASURE_PLAN)
