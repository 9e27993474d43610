"""Publications: candidate, audit, atomic step, manifest, history, rollback."""

from dagster_project.publishing.access import Readers, restricted_readers
from dagster_project.publishing.audit import AuditFailed, TestResult, audit, dbt_tests
from dagster_project.publishing.candidate import (
    Candidate,
    Exporter,
    NothingToPublish,
    prepare_candidate,
)
from dagster_project.publishing.current import (
    CurrentLinkMissing,
    UnknownPublication,
    collect,
    current_number,
    current_publication,
    find_publication,
    make_current,
    ports_are_linked,
    publication_folder,
    publications,
    reconcile,
    relink,
)
from dagster_project.publishing.erasing import Replacement, erase_from_published, files_with
from dagster_project.publishing.erasures import Erasure, erasures, record_erasure
from dagster_project.publishing.manifest import (
    DataFile,
    InputFile,
    ManifestDamaged,
    ModelFile,
    PortManifest,
    Provenance,
    Publication,
    read_inputs,
)
from dagster_project.publishing.port_file import INPUTS_FILE, MACRO_FILE, reader_file
from dagster_project.publishing.ports import Port, read_ports
from dagster_project.publishing.publication import publish
from dagster_project.publishing.rollback import (
    CannotRollBack,
    Pause,
    automatic_publication_paused,
    resume,
    rollback,
)

__all__ = [
    "AuditFailed",
    "Candidate",
    "CannotRollBack",
    "CurrentLinkMissing",
    "DataFile",
    "Erasure",
    "Exporter",
    "INPUTS_FILE",
    "InputFile",
    "MACRO_FILE",
    "ManifestDamaged",
    "ModelFile",
    "NothingToPublish",
    "Pause",
    "Port",
    "PortManifest",
    "Provenance",
    "Publication",
    "Readers",
    "Replacement",
    "TestResult",
    "UnknownPublication",
    "audit",
    "automatic_publication_paused",
    "collect",
    "current_number",
    "current_publication",
    "dbt_tests",
    "erase_from_published",
    "erasures",
    "files_with",
    "find_publication",
    "make_current",
    "ports_are_linked",
    "prepare_candidate",
    "publication_folder",
    "publications",
    "publish",
    "read_inputs",
    "reader_file",
    "read_ports",
    "reconcile",
    "record_erasure",
    "relink",
    "restricted_readers",
    "resume",
    "rollback",
]
