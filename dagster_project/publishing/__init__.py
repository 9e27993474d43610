"""Publications: candidate, audit, atomic step, manifest, history, rollback."""

from dagster_project.publishing.access import Readers, restricted_readers
from dagster_project.publishing.audit import (
    AuditFailed,
    audit,
    consumer_tests,
    dbt_tests,
)
from dagster_project.publishing.candidate import (
    Candidate,
    Exporter,
    NothingToPublish,
    prepare_candidate,
)
from dagster_project.publishing.contract_tests import CONTRACT_TESTS
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
from dagster_project.publishing.documents import Describer
from dagster_project.publishing.erasing import erase_from_published, files_with
from dagster_project.publishing.erasures import (
    ERASURE_PLAN,
    Erasure,
    ErasureUnfinished,
    erasures,
    interrupted_since,
    record_erasure,
    refuse_while_erasing,
)
from dagster_project.publishing.expectations import (
    ExpectationResult,
    bad_file_results,
    check_expectations,
    check_promises,
    check_published,
)
from dagster_project.publishing.live import live_file, refresh_live
from dagster_project.publishing.manifest import (
    AUDIT,
    MODEL_PRODUCT,
    DataFile,
    InputFile,
    ManifestDamaged,
    OtherFile,
    PortManifest,
    Provenance,
    Publication,
    read_inputs,
)
from dagster_project.publishing.port_file import INPUTS_FILE, MACRO_FILE, reader_file
from dagster_project.publishing.ports import Port, read_live_ports, read_ports
from dagster_project.publishing.publication import publish
from dagster_project.publishing.rewriting import Replacement
from dagster_project.publishing.rollback import (
    CannotRollBack,
    Pause,
    automatic_publication_paused,
    resume,
    rollback,
)
from dagster_project.publishing.test_result import TestResult

__all__ = [
    "AUDIT",
    "CONTRACT_TESTS",
    "ERASURE_PLAN",
    "AuditFailed",
    "Candidate",
    "CannotRollBack",
    "CurrentLinkMissing",
    "DataFile",
    "Describer",
    "Erasure",
    "ErasureUnfinished",
    "ExpectationResult",
    "Exporter",
    "INPUTS_FILE",
    "InputFile",
    "MACRO_FILE",
    "MODEL_PRODUCT",
    "ManifestDamaged",
    "NothingToPublish",
    "OtherFile",
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
    "bad_file_results",
    "check_expectations",
    "check_promises",
    "check_published",
    "collect",
    "consumer_tests",
    "current_number",
    "current_publication",
    "dbt_tests",
    "erase_from_published",
    "erasures",
    "files_with",
    "find_publication",
    "interrupted_since",
    "live_file",
    "make_current",
    "ports_are_linked",
    "prepare_candidate",
    "publication_folder",
    "publications",
    "publish",
    "read_inputs",
    "read_live_ports",
    "reader_file",
    "read_ports",
    "reconcile",
    "record_erasure",
    "refresh_live",
    "refuse_while_erasing",
    "relink",
    "restricted_readers",
    "resume",
    "rollback",
]
