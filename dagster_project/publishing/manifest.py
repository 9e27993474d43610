"""What a publication says of itself: manifest.json, written last, so that it marks a whole one."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
INPUTS = "inputs.json"
AUDIT = "audit.json"

MODEL_PRODUCT = "sales_forecast"
MODEL_FOLDER = f"{MODEL_PRODUCT}/model"
"""Folder of a publication that holds the model of this product."""


@dataclass(frozen=True)
class DataFile:
    """One immutable Parquet file.

    Attributes:
        path: relative to the publication.
        partition: what the file holds of its port: a month, a value, or `all`.
        rows: number of rows.
        size_bytes: size.
        sha256: of the bytes.
        fingerprint: of the rows, cheap to compare in one warehouse, not across DuckDB versions.
        compared: the same without the columns that are not compared.
        content_hash: of the compared rows, whatever their order, DuckDB version or file.
    """

    path: str
    partition: str
    rows: int
    size_bytes: int
    sha256: str
    fingerprint: str
    compared: str
    content_hash: str


@dataclass(frozen=True)
class PortManifest:
    """What one port of a publication holds.

    Attributes:
        relation: the table's name in the port files.
        product: the data product.
        contract_version: version of its contract.
        is_restricted: whether only some roles may read it.
        columns: type by column name, in order.
        rows: number of rows.
        content_hash: of all compared rows; what `reproduce` compares.
        files: its Parquet files.
    """

    relation: str
    product: str
    contract_version: str
    is_restricted: bool
    columns: dict[str, str]
    rows: int
    content_hash: str
    files: tuple[DataFile, ...]


@dataclass(frozen=True)
class OtherFile:
    """One file that is no table: of the model, of the change feed, or a document.

    Attributes:
        path: relative to the publication.
        size_bytes: size.
        sha256: of the bytes.
    """

    path: str
    size_bytes: int
    sha256: str

    @classmethod
    def of(cls, folder: Path, path: str) -> OtherFile:
        """What is true of a file in the folder of a publication."""
        content = (folder / path).read_bytes()
        return cls(path, len(content), hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class InputFile:
    """A landed file that a publication was made from."""

    source: str
    entity: str
    path: str
    sha256: str


@dataclass(frozen=True)
class Provenance:
    """What a publication cannot know from the warehouse.

    Attributes:
        published_at: the moment it is made, with a time zone.
        code_revision: revision of the code.
        packages: version by package name.
    """

    published_at: datetime
    code_revision: str
    packages: Mapping[str, str]


@dataclass(frozen=True)
class Publication:
    """One publication: all ports together, and where they come from.

    Attributes:
        number: counts up; the newest one is current.
        published_at: when it was made.
        kind: `regular` or `rollback`.
        rollback_of: number of the publication it repeats, or None.
        reason: why it was rolled back, or None.
        cutoff_on: last day of data the forecast used.
        forecast_version: the published forecast.
        issued_at: when that forecast was made.
        model_version: the model it was made by.
        code_revision: revision of the code.
        seed: seed the model was trained with; None where the baseline is published.
        packages: version by package name.
        input_fingerprint: sha256 over its input files, which inputs.json lists.
        ports: manifest by relation.
        model_files: the model as files, in MODEL_FOLDER; of the baseline only its card.
        documents: what people should know of the data.
        changes: the feeds of changes, its own and those of the publications before it.
        erasures: numbers of the erasures of a person that have changed its files since.
    """

    number: int
    published_at: datetime
    kind: str
    rollback_of: int | None
    reason: str | None
    cutoff_on: date
    forecast_version: int
    issued_at: datetime
    model_version: str
    code_revision: str
    seed: int | None
    packages: dict[str, str]
    input_fingerprint: str
    ports: dict[str, PortManifest]
    model_files: tuple[OtherFile, ...] = ()
    documents: tuple[OtherFile, ...] = ()
    changes: tuple[OtherFile, ...] = ()
    erasures: tuple[int, ...] = ()


class ManifestDamaged(ValueError):
    """A manifest cannot be read."""


def write_manifests(folder: Path, publication: Publication) -> None:
    """Write the manifest beside each port's files, then the publication's own, last."""
    facts = asdict(publication)
    for manifest in publication.ports.values():
        shared = {
            key: facts[key]
            for key in (
                "number",
                "published_at",
                "cutoff_on",
                "model_version",
                "code_revision",
                "erasures",
            )
        }
        if manifest.product == MODEL_PRODUCT:
            shared["model_files"] = facts["model_files"]
        place = (folder / manifest.files[0].path).parent / MANIFEST
        write_json(place, {**shared, **asdict(manifest)})
    write_json(folder / MANIFEST, facts)


def read_manifest(folder: Path) -> Publication:
    """Read the manifest of a publication.

    Raises:
        ManifestDamaged: it is not there or is not a manifest.
    """
    file = folder / MANIFEST
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        for key in ("published_at", "issued_at"):
            found[key] = datetime.fromisoformat(found[key])
        found["cutoff_on"] = date.fromisoformat(found["cutoff_on"])
        found["ports"] = {
            name: PortManifest(
                **{**item, "files": tuple(DataFile(**entry) for entry in item["files"])}
            )
            for name, item in found["ports"].items()
        }
        for key in ("model_files", "documents", "changes"):
            found[key] = tuple(OtherFile(**item) for item in found.get(key, ()))
        found["erasures"] = tuple(found.get("erasures", ()))
        return Publication(**found)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ManifestDamaged(
            f"{file}: expected the manifest of a publication, found {error!r}. Restore the folder "
            "from a backup, or remove it when it is not the current one."
        ) from error


def read_inputs(folder: Path) -> tuple[InputFile, ...]:
    """Read the list of landed files that a publication was made from."""
    found = json.loads((folder / INPUTS).read_text(encoding="utf-8"))
    return tuple(InputFile(**item) for item in found)


def write_json(file: Path, value: Any, *, mode: int | None = None) -> None:
    """Write JSON so that a reader sees the old file or the new one, and never half of it."""
    part = file.with_name(f"{file.name}.part")
    part.write_text(json.dumps(value, indent=1, default=_text) + "\n", encoding="utf-8")
    if mode is not None:
        part.chmod(mode)
    os.replace(part, file)


def _text(value: Any) -> str:
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()
    raise TypeError(f"expected a value that JSON or a date can hold, found {value!r}")
