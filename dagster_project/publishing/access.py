"""Who may read the restricted ports: roles of their contracts, as one group of the system.

A role of a contract carries the group that stands for it:

    roles:
      - role: sales_restricted_reader
        access: read
        customProperties: [{property: group, value: sales_restricted}]

`MESHCAST_GROUPS` (role=group, with commas) says otherwise for a deployment. Everything restricted
of a publication lies under its folder `restricted/`, which the group may enter and read. Where
there is no such group, its owner alone may: never anybody wider.
"""

from __future__ import annotations

import grp
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dagster_project.declaration import DeclarationError
from dagster_project.publishing.live import LIVE
from dagster_project.publishing.port_file import RESTRICTED
from dagster_project.publishing.ports import Port, read_ports
from dagster_project.settings import Settings

OPEN_FOLDER, OPEN_FILE_MODE = 0o755, 0o444


@dataclass(frozen=True)
class Readers:
    """Who may read what is restricted.

    Attributes:
        group: name of the group; None where no port is restricted.
        gid: its number on this machine; None where the owner alone may read.
        problem: why the group may not read, or None.
    """

    group: str | None = None
    gid: int | None = None
    problem: str | None = None


def restricted_readers(settings: Settings, ports: Sequence[Port] | None = None) -> Readers:
    """Find the group that the contracts of the restricted ports let in.

    Raises:
        DeclarationError: they have no roles, or these lead to several groups, and a file has one.
    """
    deployed = dict(settings.groups)
    closed = [port for port in (read_ports() if ports is None else ports) if port.is_restricted]
    groups = {deployed.get(role, group): port for port in closed for role, group in port.readers}
    for port in closed:
        if not port.readers:
            raise DeclarationError(
                f"{port.relation}: expected the roles that may read a restricted port in the "
                f"contract of {port.product}, found none. Write `roles: [{{role: ..., access: "
                "read}]`."
            )
    if not closed:
        return Readers()
    if len(groups) > 1:
        named = ", ".join(f"{group} ({port.relation})" for group, port in sorted(groups.items()))
        raise DeclarationError(
            f"roles of the restricted ports: expected one group for all of them, found {named}. "
            "Let the roles of their contracts name the same group, or map them to one in "
            "MESHCAST_GROUPS (role=group, with commas)."
        )
    (name,) = groups
    try:
        gid = grp.getgrnam(name).gr_gid
    except KeyError:
        return Readers(name, problem=f"no group {name} is on this machine")
    if os.geteuid() != 0 and gid not in {os.getegid(), *os.getgroups()}:
        return Readers(name, problem=f"this user is not in the group {name}, so cannot let it in")
    return Readers(name, gid)


def set_access(settings: Settings, folder: Path, readers: Readers) -> None:
    """Give the files of a publication the rights that the contracts name.

    Args:
        settings: the deployment.
        folder: the folder of the publication.
        readers: those of `restricted_readers`.
    """
    _close(settings.published / RESTRICTED, readers, is_deep=False)
    _close(folder / RESTRICTED, readers)
    live = [*settings.published.glob(LIVE), *settings.published.glob(f"{LIVE}/*")]
    for open_folder in (settings.published, folder.parent, folder, *live):
        _open(open_folder)
    for entry in folder.iterdir():
        if entry.name != RESTRICTED and entry.is_dir():
            for path in (entry, *entry.rglob("*")):
                _open(path)
        elif entry.is_file():
            _open(entry)


def _close(path: Path, readers: Readers, *, is_deep: bool = True) -> None:
    """Let the group read and nobody else, the owner aside; without a group the owner alone."""
    if not path.exists():
        return
    is_folder = path.is_dir()
    if is_folder and is_deep:
        for entry in path.iterdir():
            _close(entry, readers)
    status = path.stat()
    if readers.gid is None:
        mode = 0o700 if is_folder else 0o400
    else:
        mode = 0o750 if is_folder else 0o440
        if status.st_gid != readers.gid:
            path.chmod(0o700 if is_folder else 0o400)  # the old group is out before the new is in
            os.chown(path, -1, readers.gid)
    if path.stat().st_mode & 0o777 != mode:
        path.chmod(mode)


def _open(path: Path) -> None:
    """Let everybody read, whatever the umask of the process was."""
    mode = path.stat().st_mode & 0o777
    wanted = mode | (OPEN_FOLDER if path.is_dir() else OPEN_FILE_MODE)
    if mode != wanted:
        path.chmod(wanted)
