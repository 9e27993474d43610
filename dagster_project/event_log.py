"""Dagster's event log in SQLite, with its connections kept open.

Dagster's own opens an engine and a connection for each event, up to four times, and closes them
again: of a run's thousand events that is a sixth of its CPU time (decision 28).
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from dagster import EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage

OPEN_FILES = 8
"""Of the log's files, one per run and one index of them all, as many stay open."""

SECONDS_TO_WAIT = 60.0


class PooledEventLog(SqliteEventLogStorage):
    """Writes and reads the same files as `SqliteEventLogStorage`, so either can follow the other.

    Its lock is held as long as a connection is used, as there.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Take what `SqliteEventLogStorage` takes."""
        self._engines: OrderedDict[str, sqlalchemy.Engine] = OrderedDict()
        self._tables: set[str] = set()
        super().__init__(*arguments, **named)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> PooledEventLog:
        """Make the log that dagster.yaml describes."""
        return cls(inst_data=inst_data, **config_value)

    def has_table(self, table_name: str) -> bool:
        """Whether the index has the table; one that was there is not looked for again."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def store_event(self, event: EventLogEntry) -> None:
        """Store it, and let those see it who watch the run's file.

        What is written over an open connection stands beside the file until SQLite takes it over.
        """
        super().store_event(event)
        os.utime(self.path_for_shard(event.run_id))

    def dispose(self) -> None:
        """Close every connection."""
        super().dispose()
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sqlalchemy.Connection]:
        with self._db_lock, self._engine(shard).begin() as connection:
            yield connection

    def _engine(self, shard: str) -> sqlalchemy.Engine:
        engine = self._engines.pop(shard, None)
        if engine is not None and not Path(self.path_for_shard(shard)).exists():
            engine.dispose()  # somebody removed the file: its connection writes to nowhere
            self._initialized_dbs.discard(shard)
            engine = None
        if engine is None:
            engine = sqlalchemy.create_engine(
                self.conn_string_for_shard(shard), connect_args={"timeout": SECONDS_TO_WAIT}
            )
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        self._engines[shard] = engine
        if len(self._engines) > OPEN_FILES:
            self._engines.popitem(last=False)[1].dispose()
        return engine
