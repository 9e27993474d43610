"""Stages of a run, told to whoever listens: the command line shows them, the log keeps them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

logger = logging.getLogger("meshcast")


@dataclass(frozen=True)
class StageEvent:
    """Something a stage has to say.

    Attributes:
        name: the stage.
        kind: `started`, `progress`, `ended` or `failed`.
        detail: what is going on, in a few words.
        seconds: wall time since the stage started.
    """

    name: str
    kind: str
    detail: str
    seconds: float


Listener = Callable[[StageEvent], None]
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send the events of all stages inside the block to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def stage(name: str) -> Iterator[Callable[[str], None]]:
    """Tell that a stage runs; the yielded function reports progress inside it."""
    started = time.monotonic()

    def tell(kind: str, detail: str) -> None:
        event = StageEvent(name, kind, detail, time.monotonic() - started)
        listener = _listener.get()
        if listener is not None:
            listener(event)

    tell("started", "")
    last = [""]

    def progress(detail: str) -> None:
        last[0] = detail
        tell("progress", detail)

    try:
        yield progress
    except BaseException:
        tell("failed", last[0])
        raise
    logger.debug("%s took %.1f s", name, time.monotonic() - started)
    tell("ended", last[0])
