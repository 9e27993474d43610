"""The log of erasures, published/erasures.json: that somebody was forgotten, never who.

An erasure that was killed leaves its plan behind. Until it is finished nothing new is published: a
publication would share files that the plan does not name, and its change feed would tell on which
days the person shopped.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from dagster_project.publishing.manifest import write_json
from dagster_project.settings import Settings

ERASURES = "erasures.json"

ERASURE_PLAN = "forgetting.json"
"""What an erasure that has not ended will change, in the home; for its owner's eyes only."""


class ErasureUnfinished(RuntimeError):
    """An erasure was interrupted, and nothing may be published before it is finished."""


@dataclass(frozen=True)
class Erasure:
    """What is kept of an erasure.

    Attributes:
        number: counts up.
        erased_at: when it began.
        landed_files: landed files that were written again.
        lines: lines of them that named the person.
        publications: publications that say something else than when they were published: their
            list of input files, and where they held the person's key, their rows.
        published_files: files of these, and of failed candidates, that were written again.
    """

    number: int
    erased_at: datetime
    landed_files: int
    lines: int
    publications: tuple[int, ...]
    published_files: int

    @property
    def told(self) -> str:
        """It in words, with what can no longer be reproduced."""
        numbers = ", ".join(str(number) for number in self.publications) or "none"
        return (
            f"erasure {self.number} of {self.erased_at:%Y-%m-%d %H:%M}: a person was taken out of "
            f"{self.lines:,} lines; as first published, publications {numbers} cannot be "
            "reproduced any more, as they are now they can"
        )


def erasures(settings: Settings) -> list[Erasure]:
    """Every erasure of the home, the oldest first."""
    file = settings.published / ERASURES
    if not file.exists():
        return []
    return [
        Erasure(
            **{
                **item,
                "erased_at": datetime.fromisoformat(item["erased_at"]),
                "publications": tuple(item["publications"]),
            }
        )
        for item in json.loads(file.read_text(encoding="utf-8"))
    ]


def record_erasure(settings: Settings, erasure: Erasure) -> None:
    """Add an erasure to the log; one that was killed right after this is written again."""
    others = [item for item in erasures(settings) if item.number != erasure.number]
    settings.published.mkdir(parents=True, exist_ok=True)
    write_json(
        settings.published / ERASURES, [asdict(item) for item in [*others, erasure]], mode=0o644
    )


def interrupted_since(settings: Settings) -> str | None:
    """When an erasure began that was never finished, or None."""
    plan = settings.home / ERASURE_PLAN
    if not plan.exists():
        return None
    begun_at: str = json.loads(plan.read_text(encoding="utf-8"))["begun_at"]
    return begun_at


def refuse_while_erasing(settings: Settings) -> None:
    """Let nothing be published between the steps of an erasure.

    Raises:
        ErasureUnfinished: one has begun and has not ended.
    """
    begun_at = interrupted_since(settings)
    if begun_at is not None:
        raise ErasureUnfinished(
            f"publish: expected no erasure under way, found one that began at {begun_at}. Wait for "
            "it; where it was interrupted, run `meshcast forget` for the same person again."
        )
