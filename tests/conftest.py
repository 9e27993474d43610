"""Fixtures that more than one test file uses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dagster_project.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A deployment with a home of its own, on the day after 2017."""
    return Settings(home=tmp_path / "home", today=date(2018, 1, 1), lock_timeout_seconds=5)


@pytest.fixture
def land(settings: Settings) -> Callable[[str, Any], Path]:
    """Write a file into landing/: bytes and text as they are, frames and tables as Parquet."""

    def write(path: str, content: bytes | str | pd.DataFrame | pa.Table) -> Path:
        file = settings.landing / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            file.write_bytes(content)
        elif isinstance(content, str):
            file.write_text(content, encoding="utf-8", newline="")
        elif isinstance(content, pd.DataFrame):
            content.to_parquet(file, index=False)
        else:
            pq.write_table(content, file)
        return file

    return write
