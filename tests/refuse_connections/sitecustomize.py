"""Refuse connections to other machines, and note each try in the file CONNECTIONS_REFUSED.

Python imports this by itself at its start where the folder is on PYTHONPATH.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

LOCAL = (None, "", "localhost", "127.0.0.1", "::1")


def refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """Look at one event of Python's audit; raising ends what was about to happen."""
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None  # else a socket in the filesystem
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    if host not in LOCAL:
        with Path(os.environ["CONNECTIONS_REFUSED"]).open("a", encoding="utf-8") as tries:
            tries.write(f"{host}: {' '.join(sys.argv)}\n")
        raise ConnectionRefusedError(f"{host}: no connection to other machines in this test")


sys.addaudithook(refuse)
