"""Dagster runs whose process was killed: they never end, and hold what others wait for."""

from __future__ import annotations

import os

import dagster as dg
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES

COMMAND_LINE = {"meshcast/started_by": "command line"}
"""Tags of the runs of `meshcast run`. Its lock is free once its process has died."""


def end_interrupted_runs(instance: dg.DagsterInstance, *, holding_run_lock: bool = False) -> int:
    """Mark runs without a process as failed, and free their slots of the pools.

    A killed run keeps its slot of the pool `warehouse`, so that the next one would wait for ever.

    Args:
        instance: Dagster's instance of the home.
        holding_run_lock: whether the caller is the only `meshcast run`, so that all other runs of
            the command line have ended.

    Returns:
        How many there were.
    """
    found = instance.get_runs(dg.RunsFilter(statuses=IN_PROGRESS_RUN_STATUSES))
    interrupted = [
        run
        for run in found
        if (holding_run_lock and run.tags.items() >= COMMAND_LINE.items())
        or has_lost_its_process(instance, run.run_id)
    ]
    for run in interrupted:
        instance.report_run_failed(run, "Its process ended without a word: killed, or a power cut.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return len(interrupted)


def has_lost_its_process(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether the process that a run said it executes in is gone; False before it has said so."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT).records
    events = [record.event_log_entry.dagster_event for record in records]
    pids = [
        int(str(event.engine_event_data.metadata["pid"].value))
        for event in events
        if event is not None and "pid" in event.engine_event_data.metadata
    ]
    return bool(pids) and not _is_another_living_process(pids[-1])


def _is_another_living_process(pid: int) -> bool:
    """Whether a process has this id; our own is not it, numbers start anew in each container."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
