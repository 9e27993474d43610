"""Write, audit, publish: the whole way of a publication, one step after the other."""

from __future__ import annotations

from collections.abc import Callable

from dagster_project.publishing.audit import TestRunner, audit
from dagster_project.publishing.candidate import Exporter, prepare_candidate
from dagster_project.publishing.current import (
    current_publication,
    discard_unpublished,
    make_current,
    record_publications,
)
from dagster_project.publishing.documents import Describer
from dagster_project.publishing.erasures import refuse_while_erasing
from dagster_project.publishing.live import renew_live
from dagster_project.publishing.lock import publishing_lock
from dagster_project.publishing.manifest import Provenance, Publication
from dagster_project.settings import Settings
from dagster_project.warehouse import warehouse


def publish(
    settings: Settings,
    provenance: Provenance,
    *,
    export: Exporter | None = None,
    describe: Describer | None = None,
    run_tests: TestRunner | None = None,
    tell: Callable[[str], None] | None = None,
) -> Publication:
    """Publish what the product views of the warehouse hold, after an audit of the written files.

    Whether publication is paused is the caller's question (`automatic_publication_paused`).

    Args:
        settings: the deployment.
        provenance: what the warehouse does not know.
        export: gives the files of the model that are published with its forecast.
        describe: gives the documents that are published with the data.
        run_tests: runs the tests on the candidate; by default dbt's, and what consumers rely on.
        tell: is told what is going on.

    Returns:
        The current publication: the new one, or the old one when nothing has changed.

    Raises:
        NothingToPublish: no forecast has been made yet.
        ErasureUnfinished: the erasure of a person was interrupted.
        AuditFailed: a test failed on the candidate, which is kept; nothing changed for readers.
        Locked: another process publishes.
        WarehouseLocked: another process holds the warehouse.
    """
    say = tell or (lambda _: None)
    with publishing_lock(settings):
        refuse_while_erasing(settings)
        discard_unpublished(settings)
        with warehouse(settings) as connection:
            record_publications(settings, connection)
            renew_live(settings.published, connection)
            say("writing a candidate")
            candidate = prepare_candidate(settings, connection, provenance, export, describe)
        if candidate is None:
            current = current_publication(settings)
            if current is None:
                raise RuntimeError("expected a current publication to compare with, found none")
            say(f"nothing has changed since publication {current.number}")
            return current
        say(f"auditing candidate {candidate.publication.number}")
        audit(settings, candidate, run_tests)
        make_current(settings, candidate.publication.number)
        with warehouse(settings) as connection:
            record_publications(settings, connection)
        say(f"publication {candidate.publication.number} is current")
        return candidate.publication
