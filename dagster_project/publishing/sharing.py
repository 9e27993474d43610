"""Folders of a publication, and immutable files that several publications hold."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from dagster_project.privacy import private_folder
from dagster_project.publishing.port_file import RESTRICTED


def make_port_folder(folder: Path, relative: str) -> None:
    """Create the folder of a port; what is restricted is its owner's until it is published."""
    if relative.split("/")[0] == RESTRICTED:
        private_folder(folder / RESTRICTED)
    (folder / relative).mkdir(parents=True, exist_ok=True)


def share(file: Path, target: Path) -> None:
    """Give an immutable file a second name; a copy where the file system cannot do that."""
    try:
        os.link(file, target)
    except OSError:
        shutil.copy2(file, target)
