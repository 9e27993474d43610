"""Products of other domains that read ours: their descriptors, and what consumers expect of us."""

from __future__ import annotations

from pathlib import Path

from dagster_project.contracts.contract import contract_of
from dagster_project.contracts.document import Document, Problem, read_document
from dagster_project.contracts.product import PRODUCT_FILE, Product, product_of
from dagster_project.contracts.standards import ODCS, ODPS, find_problems
from dagster_project.settings import CHECKOUT

EXAMPLES = CHECKOUT / "examples"


def read_other_products(folder: Path = EXAMPLES) -> tuple[tuple[Product, ...], tuple[Path, ...]]:
    """The products below a folder that are not ours, by name, and the files that cannot be read.

    They are held against their standards alone: our rules for names and folders are not theirs, and
    what is wrong with a file of another domain must not keep us from showing ours.
    """
    products, unreadable = [], []
    for file in sorted(folder.rglob(PRODUCT_FILE)):
        documents = [_checked(one) for one in (file, *sorted(file.parent.glob("*.odcs.yaml")))]
        if any(document is None for document in documents):
            unreadable.append(file)
            continue
        product, *contracts = [document for document in documents if document is not None]
        try:
            products.append(product_of(product, tuple(contract_of(one) for one in contracts)))
        except (KeyError, ValueError, StopIteration):
            unreadable.append(file)
    return tuple(sorted(products, key=lambda product: product.name)), tuple(unreadable)


def _checked(file: Path) -> Document | None:
    document = read_document(file)
    if isinstance(document, Problem):
        return None
    standard = ODPS if file.name == PRODUCT_FILE else ODCS
    return None if find_problems(document, standard, lambda _: []) else document
