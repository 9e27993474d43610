"""The data that landed files and answers were made from: a hash, kept beside them."""

from __future__ import annotations

import hashlib
from pathlib import Path

RECORD = "data.sha256"


class OtherData(RuntimeError):
    """Kept files were made from other data; the message names both and says what to do."""


def fingerprint(folder: Path) -> str:
    """SHA-256 over the name and content of each file in a folder, hidden ones left out."""
    found = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.is_file() and not file.name.startswith("."):
            with file.open("rb") as opened:
                content = hashlib.file_digest(opened, "sha256").hexdigest()
            found.update(f"{file.name}\n{content}\n".encode())
    return found.hexdigest()


def check_same_data(data: Path, kept: Path) -> None:
    """Refuse to go on with what was kept of other data; the first time, record which it is.

    Args:
        data: folder of the set's files.
        kept: folder of what is made from them: a home, or answers.

    Raises:
        OtherData: `kept` was made from other files than those in `data`.
    """
    found, record = fingerprint(data), kept / RECORD
    if not record.is_file():
        kept.mkdir(parents=True, exist_ok=True)
        record.write_text(f"{found}\n")
        return
    expected = record.read_text().strip()
    if found != expected:
        raise OtherData(
            f"{data}: expected the files that {kept} was made from ({expected[:12]} in {RECORD}), "
            f"found others ({found[:12]}): one was added, removed or changed since. Name another "
            f"folder for what is made with --home, or remove {kept} to make it again."
        )
