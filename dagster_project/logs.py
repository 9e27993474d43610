"""Take a key out of what runs leave: Dagster's databases, dbt's artifacts, logs, evidence."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path

SQLITE = b"SQLite format 3\0"
WRITE_AHEAD = "-wal"
DATA = (".parquet", ".duckdb")
BLANK = "0"


def erase_from_logs(home: Path, keys: Collection[str], *, kept: Collection[Path] = ()) -> None:
    """Overwrite keys in every file of a home that is neither data nor among the kept.

    Landed files, the warehouse and Parquet have ways of their own. A key is replaced by as many
    zeros, so that whatever reads the file finds all else where it was.
    """
    wanted = [key.encode() for key in keys]
    for file in _files(home):
        content = file.read_bytes()
        if file in kept or not any(key in content for key in wanted):
            continue
        if file.name.endswith(WRITE_AHEAD):
            _erase_from_database(file.with_name(file.name.removesuffix(WRITE_AHEAD)), keys)
        elif content.startswith(SQLITE):
            _erase_from_database(file, keys)
        else:
            for key in wanted:
                content = content.replace(key, BLANK.encode() * len(key))
            _replace(file, content)


def _files(home: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(home):
        if Path(folder) == home:
            names[:] = [name for name in names if name not in ("landing", "warehouse")]
        for name in files:
            file = Path(folder) / name
            if file.is_file() and not file.is_symlink() and file.suffix not in DATA:
                yield file


def _erase_from_database(file: Path, keys: Collection[str]) -> None:
    """Overwrite keys in every text of an SQLite database, freed pages included."""
    with closing(sqlite3.connect(file, timeout=60)) as database:
        database.execute("pragma secure_delete = on")
        tables = database.execute("select name from sqlite_master where type = 'table'").fetchall()
        for (table,) in tables:
            for column in database.execute(f'pragma table_info("{table}")').fetchall():
                for key in keys:
                    database.execute(
                        f'update "{table}" set "{column[1]}" = replace("{column[1]}", ?, ?)'
                        f' where instr("{column[1]}", ?) and typeof("{column[1]}") = ?',
                        (key, BLANK * len(key), key, "text"),
                    )
        database.commit()
        database.execute("vacuum")
        database.execute("pragma wal_checkpoint(truncate)")


def _replace(file: Path, content: bytes) -> None:
    part = file.with_name(f".{file.name}.tmp")
    part.touch(mode=0o600)
    part.write_bytes(content)
    status = file.stat()
    os.chown(part, status.st_uid, status.st_gid)
    part.chmod(status.st_mode & 0o777)
    os.replace(part, file)
