"""What another user of the machine may read of a home: the open ports, and nothing else."""

from __future__ import annotations

import grp
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from dagster_project import publishing
from dagster_project.declaration import DeclarationError
from dagster_project.publishing.ports import Port, read_ports
from dagster_project.settings import Settings, load_settings
from tests.publishing.invented_ports import failing, fill, publish, sell

NOBODY = 65_534
ROLE = "sales_restricted_reader"
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

# duckdb is loaded first: the other user need not be able to read our environment.
READING_AS_SOMEBODY_ELSE = """
import json, os, sys
import duckdb

groups, files = json.loads(sys.argv[1])
os.setgroups(groups)
os.setgid(65534)
os.setuid(65534)

def outcome(file):
    try:
        if file.endswith(".duckdb"):
            with duckdb.connect(file, read_only=True) as port:
                views = port.execute("select view_name from duckdb_views() where not internal")
                for (view,) in views.fetchall():
                    port.execute(f'select count(*) from "{view}"').fetchall()
        else:
            os.listdir(file) if os.path.isdir(file) else open(file, "rb").read()
    except (OSError, duckdb.Error) as error:
        denied = isinstance(error, PermissionError) or "Permission denied" in str(error)
        return "refused" if denied else repr(error)
    return "read"

print(json.dumps([outcome(file) for file in files]))
"""


@pytest.fixture
def settings() -> Iterator[Settings]:
    """A home that others can reach: pytest's own folders are closed to them."""
    folder = Path(tempfile.mkdtemp(prefix="meshcast-access-"))
    folder.chmod(0o711)
    yield Settings(home=folder / "home", today=date(2018, 1, 1), lock_timeout_seconds=5)
    shutil.rmtree(folder)


@pytest.fixture
def some_group() -> grp.struct_group:
    """A group of this machine that is not root's."""
    return next(group for group in grp.getgrall() if group.gr_gid not in (0, NOBODY))


def published(settings: Settings) -> Settings:
    """A home with a publication, made as carelessly as a umask allows."""
    for file in ("landing/till/sales_events/day.csv", "dbt/run.json", "dagster/run.db", "run.lock"):
        (settings.home / file).parent.mkdir(parents=True, exist_ok=True)
        (settings.home / file).write_text("somebody")
        (settings.home / file).chmod(0o666)
    fill(settings)
    publish(settings)
    sell(settings, "c", "2017-02-02", 2)
    with pytest.raises(publishing.AuditFailed):
        publish(settings, failing)
    publish(settings)
    return settings


def read_as_somebody_else(files: list[Path], groups: list[int]) -> dict[str, str]:
    """What another user id, with these groups, makes of each file or folder."""
    ran = subprocess.run(
        [
            *(sys.executable, "-c", READING_AS_SOMEBODY_ELSE),
            json.dumps([groups, [str(file) for file in files]]),
        ],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    return dict(zip((file.name for file in files), json.loads(ran.stdout), strict=True))


def restricted_files(settings: Settings) -> list[Path]:
    restricted = settings.published / "publications" / "1" / "restricted"
    return [
        settings.published / "restricted",
        restricted / "sales.duckdb",
        *(restricted / "sales_events" / "v1").iterdir(),
    ]


@AS_ROOT
def test_another_user_reads_the_open_ports_and_nothing_else(settings: Settings) -> None:
    home = published(settings).home
    (failed,) = (settings.published / "failed").iterdir()
    closed = [
        *restricted_files(settings),
        settings.warehouse_file,
        settings.landing / "till" / "sales_events" / "day.csv",
        home / "dbt" / "run.json",
        home / "dagster" / "run.db",
        home / "run.lock",
        home / "customer.key",
        failed / "audit.json",
    ]
    opened = [
        settings.published / "sales.duckdb",
        settings.published / "current" / "manifest.json",
        settings.published / "current" / "daily_sales" / "v1" / "2017-02.parquet",
    ]
    assert set(read_as_somebody_else(closed, []).values()) == {"refused"}
    assert set(read_as_somebody_else(opened, []).values()) == {"read"}


@AS_ROOT
def test_the_group_of_the_role_reads_the_restricted_port(
    settings: Settings, some_group: grp.struct_group
) -> None:
    mapped = replace(settings, groups=((ROLE, some_group.gr_name),))
    published(mapped)
    files = restricted_files(mapped)
    assert set(read_as_somebody_else(files, [some_group.gr_gid]).values()) == {"read"}
    assert set(read_as_somebody_else(files, []).values()) == {"refused"}
    private = [mapped.warehouse_file, mapped.landing, mapped.home / "customer.key"]
    assert set(read_as_somebody_else(private, [some_group.gr_gid]).values()) == {"refused"}


@AS_ROOT
def test_a_group_that_comes_later_is_let_in_by_the_next_start(
    settings: Settings, some_group: grp.struct_group
) -> None:
    published(settings)
    mapped = replace(settings, groups=((ROLE, some_group.gr_name),))
    publishing.reconcile(mapped)
    assert set(read_as_somebody_else(restricted_files(mapped), [some_group.gr_gid]).values()) == {
        "read"
    }
    publishing.reconcile(settings)
    assert set(read_as_somebody_else(restricted_files(mapped), [some_group.gr_gid]).values()) == {
        "refused"
    }


def test_the_open_ports_are_open_whatever_the_umask(settings: Settings) -> None:
    before = os.umask(0o077)
    try:
        published(settings)
    finally:
        os.umask(before)
    modes = {
        path.name: path.stat().st_mode & 0o004
        for path in settings.published.glob("publications/2/**/*")
        if "restricted" not in path.parts
    }
    modes |= {str(path): path.stat().st_mode & 0o004 for path in settings.published.glob("live/**")}
    assert {Path(name).name for name in modes} >= {"manifest.json", "live", "slo_status_v1"}
    assert set(modes.values()) == {0o004}


def test_a_group_that_is_not_there_leaves_the_owner_alone(settings: Settings) -> None:
    readers = publishing.restricted_readers(settings)
    assert (readers.group, readers.gid) == ("sales_restricted", None)
    assert readers.problem == "no group sales_restricted is on this machine"
    published(settings)
    modes = {path.stat().st_mode & 0o077 for path in restricted_files(settings)}
    assert modes == {0}


def test_a_deployment_names_its_own_group(
    settings: Settings, some_group: grp.struct_group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESHCAST_GROUPS", f" {ROLE} = {some_group.gr_name} ,")
    readers = publishing.restricted_readers(load_settings(home=settings.home))
    assert readers.group == some_group.gr_name
    monkeypatch.setenv("MESHCAST_GROUPS", ROLE)
    with pytest.raises(ValueError, match=f"expected role=group, .* found '{ROLE}'"):
        load_settings(home=settings.home)


def test_roles_that_lead_to_two_groups_are_refused(settings: Settings) -> None:
    first = next(port for port in read_ports() if port.is_restricted)
    second: Port = replace(first, relation="payroll_v1", readers=(("clerk", "payroll"),))
    with pytest.raises(DeclarationError, match=r"found payroll \(payroll_v1\), sales_restricted"):
        publishing.restricted_readers(settings, [first, second])


def test_a_restricted_port_without_roles_is_refused(settings: Settings) -> None:
    first = next(port for port in read_ports() if port.is_restricted)
    with pytest.raises(DeclarationError, match="sales_events_v1: expected the roles that may"):
        publishing.restricted_readers(settings, [replace(first, readers=())])
