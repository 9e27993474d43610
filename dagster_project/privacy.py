"""What of a home is nobody's business but its owner's: landed files, warehouse, logs, locks.

Readers reach `published/` through the home's own folder, so that one keeps the rights it has. The
files that are readable here are published or say nothing of anybody.
"""

from __future__ import annotations

import os
from pathlib import Path

OWNER_ONLY = 0o700

RIGHTS_KEPT = {
    # whoever delivers files may be a group of their own
    "landing": 0o770,
    "warehouse": OWNER_ONLY,
    "dagster": OWNER_ONLY,
    "dbt": OWNER_ONLY,
    "reproduced": OWNER_ONLY,
    "published/failed": OWNER_ONLY,
    "last_run.log": OWNER_ONLY,
    "run.lock": OWNER_ONLY,
    "published/publishing.lock": OWNER_ONLY,
}
"""The rights that a part of a home may have at most."""


def keep_private(home: Path) -> None:
    """Take the rights of others from the parts of a home that are not published.

    Every writer of a home begins with this, so that a folder that was made by hand, copied or
    restored is closed by the next command. Rights are only taken, never given.
    """
    for name, kept in RIGHTS_KEPT.items():
        part = home / name
        try:
            mode = part.stat().st_mode & 0o7777
            if mode & 0o777 & ~kept:
                part.chmod(mode & (0o7000 | kept))
        except FileNotFoundError:
            continue


def private_folder(folder: Path) -> Path:
    """Make a folder that only its owner can enter, where it is missing."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=OWNER_ONLY, exist_ok=True)
    return folder


def owner_only(path: str, flags: int) -> int:
    """An opener for `open`: the file is made for its owner alone."""
    return os.open(path, flags, 0o600)
