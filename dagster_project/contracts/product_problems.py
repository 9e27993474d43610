"""Whether what a product names exists: ports and contracts, models, the owner, the domain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dagster_project.contracts.contract_problems import E_MAIL
from dagster_project.contracts.document import Document, Keys, Problem, read_document
from dagster_project.contracts.outline import Outline

REQUIRED = ("id", "name", "version", "status", "domain", "description", "outputPorts", "team")
PORT_REQUIRED = ("version", "contractId", "description")
RELEASED = "released"


def contract_versions(products: Path) -> dict[str, str]:
    """Version by id of every contract that a port may name, those of input ports included."""
    versions = {}
    for file in sorted(products.glob("*/**/*.odcs.yaml")):
        document = read_document(file)
        if file.parent.name != RELEASED and isinstance(document, Document):
            versions[str(document.value.get("id"))] = str(document.value.get("version"))
    return versions


def product_problems(document: Document) -> list[Problem]:
    """What in a product that is as its standard has it is not as we need it."""
    value = document.value
    problems = [document.missing((), key) for key in REQUIRED if not value.get(key)]
    if problems:
        return problems
    folder = document.file.parent.name
    if value["name"] != folder:
        problems.append(
            document.problem(
                ("name",), f"the name of its folder, {folder}", value["name"], "write it so"
            )
        )
    if "purpose" not in value["description"]:
        problems.append(document.missing(("description",), "purpose"))
    members = value["team"].get("members", [])
    owners = [member["username"] for member in members if member.get("role") == "owner"]
    if len(owners) != 1 or not E_MAIL.fullmatch(owners[0]):
        problems.append(
            document.problem(
                ("team", "members"),
                "one member with role: owner and an e-mail address as username",
                ", ".join(owners) or "none",
                "name the one who answers for it",
            )
        )
    for position, port in enumerate(value["outputPorts"]):
        keys: Keys = ("outputPorts", position)
        problems += [document.missing(keys, key) for key in PORT_REQUIRED if key not in port]
    return problems


def port_problems(
    document: Document, outlines: Sequence[Outline], versions: Mapping[str, str]
) -> list[Problem]:
    """Ports that name no contract or table, and tables that no port publishes."""
    value = document.value
    own = {c.id: c for c in outlines if c.file.parent == document.file.parent and c.id}
    ports = value.get("outputPorts", [])
    problems: list[Problem] = []
    published: set[tuple[str, str]] = set()
    for position, port in enumerate(ports):
        keys: Keys = ("outputPorts", position)
        contract = own.get(port.get("contractId", ""))
        if contract is None and port.get("contractId") not in (None, *versions):
            problems.append(_no_contract(document, (*keys, "contractId"), port, versions))
        elif contract is not None:
            problems += _output_problems(document, keys, port, contract)
            published.add((contract.id or "", f"{port['name']}_v{contract.major}"))
        for item, used in enumerate(port.get("inputContracts", [])):
            way = (*keys, "inputContracts", item)
            problems += _used_problems(document, way, used["id"], used["version"], versions)
    for position, port in enumerate(value.get("inputPorts", [])):
        if "contractId" in port:
            used = (port["contractId"], port.get("version", ""))
            problems += _used_problems(document, ("inputPorts", position), *used, versions)
    for name, contract in own.items():
        problems += [
            document.problem(
                ("outputPorts",),
                f"a port for {relation} of {contract.file.name}",
                "none",
                "declare it, or take the table out of the contract",
            )
            for relation in contract.relations or ()
            if ports and (name, relation) not in published
        ]
        members = value.get("team", {}).get("members", [])
        if members and contract.owner not in (None, *(m["username"] for m in members)):
            problems.append(
                document.problem(
                    ("team", "members"),
                    f"the owner of {contract.file.name}, {contract.owner}",
                    "others",
                    "name the same owner in both",
                )
            )
    return problems


def model_problems(outlines: Sequence[Outline], project: Path) -> Iterator[Problem]:
    """Tables without a model, and owners or domains that the dbt project does not know."""
    models = project / "models" / "data_products"
    groups = read_document(project / "models" / "groups.yml")
    if isinstance(groups, Problem):
        yield groups
        return
    owners = {group["name"]: group["owner"]["email"] for group in groups.value["groups"]}
    for contract in outlines:
        document = contract.document
        if contract.domain is not None and contract.domain not in owners:
            yield document.problem(
                ("domain",),
                f"one of the groups {', '.join(owners)} of models/groups.yml",
                contract.domain,
                "correct the name, or add the group",
            )
        elif contract.domain is not None and contract.owner not in (None, owners[contract.domain]):
            yield document.problem(
                ("team", "members"),
                f"the owner of group {contract.domain}, {owners[contract.domain]}",
                contract.owner,
                "correct the address here or in models/groups.yml",
            )
        for keys, name in contract.dbt_tests:
            if not list((project / "tests").rglob(f"{name}.sql")):
                yield document.problem(
                    keys,
                    f"a test {name}.sql in dbt_project/tests",
                    "none",
                    "write it, or correct the name",
                )
        for position, relation in enumerate(contract.relations or ()):
            if not (models / f"{relation}.sql").exists():
                yield document.problem(
                    ("schema", position, "name"),
                    f"a model models/data_products/{relation}.sql",
                    "none",
                    "write it, or correct the name",
                )


def _output_problems(
    document: Document, keys: Keys, port: dict[str, Any], contract: Outline
) -> Iterator[Problem]:
    relation = f"{port['name']}_v{contract.major}"
    if contract.relations is not None and relation not in contract.relations:
        yield document.problem(
            (*keys, "name"),
            f"the name of a table of {contract.file.name} without its _v{contract.major}",
            port["name"],
            f"correct it; the tables are {', '.join(contract.relations)}",
        )
    is_ending = contract.announces_end_of(relation)
    if is_ending is not None and port.get("deprecated", False) != is_ending:
        yield document.problem(
            (*keys, "deprecated"),
            f"{str(is_ending).lower()}, since {contract.file.name} "
            f"{'announces its endOfLife' if is_ending else 'announces no endOfLife of it'}",
            str(port.get("deprecated", False)).lower(),
            "write the one or the other",
        )
    if None not in (contract.version, port.get("version")) and port["version"] != contract.version:
        yield document.problem(
            (*keys, "version"),
            f"the version of its contract, {contract.version}",
            port["version"],
            f"write version: {contract.version}",
        )


def _used_problems(
    document: Document, keys: Keys, used: str, version: str, versions: Mapping[str, str]
) -> Iterator[Problem]:
    if used not in versions:
        yield document.problem(
            keys,
            "the id of a contract",
            f"{used!r}, which no contract has",
            f"write one of {', '.join(sorted(versions))}",
        )
        return
    found, wanted = _numbers(versions[used]), _numbers(version)
    if not wanted or wanted[0] != found[0] or wanted > found:
        yield document.problem(
            keys,
            f"a version of {used} up to {versions[used]} with the same major",
            version or "none",
            "pin one that exists",
        )


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()


def _no_contract(
    document: Document, keys: Keys, port: dict[str, Any], versions: Mapping[str, str]
) -> Problem:
    return document.problem(
        keys,
        "the id of a contract",
        f"{port['contractId']!r}, which no contract has",
        f"write one of {', '.join(sorted(versions))}",
    )
