"""`meshcast catalog`: the data catalog as a static site."""

from __future__ import annotations

from dagster_project.catalog import write_catalog
from dagster_project.commands.shell import Json, console, exit_codes, print_json, settings_of_home


def catalog(as_json: Json = False) -> None:
    """Write the data catalog, a static site, into published/catalog, also while a run writes."""
    settings = settings_of_home()
    with exit_codes():
        page = write_catalog(settings)
        if as_json:
            print_json({"page": str(page)})
        else:
            console.print(f"Catalog: {page}", soft_wrap=True, highlight=False)
            console.print("Open it in any browser; it needs no network.")
