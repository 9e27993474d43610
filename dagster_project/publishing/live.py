"""Tables that are refreshed in place beside the publications: what tells of now, not of then.

A publication never changes. How its promises are kept does, also while nothing is published: so the
status of the service levels is a file of its own, replaced in one step, that every port file names.

published/live/<relation>/all.parquet
"""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from dagster_project.settings import Settings
from dagster_project.warehouse import memory

LIVE = "live"
STATUS = "slo_status_v1"
FILE = "all.parquet"


def live_file(published: Path, relation: str) -> Path:
    """Where a live table is; `published` is the folder of that name."""
    return published / LIVE / relation / FILE
