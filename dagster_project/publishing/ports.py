"""The output ports, as the published models declare them beside their SQL.

A model in dbt_project/models/data_products/ carries `config.meta.port`:

    product: sales_forecast             # the data product it is a port of
    key: [forecast_version, ...]        # what makes a row one of its kind; files are sorted by it
    month_of: sold_on                   # a file per month of this column, or
    value_of: forecast_version          # a file per value; neither: one file
    is_restricted: true                 # published apart, for the roles of the contract
    not_compared: [issued_at]           # columns that say nothing about the content
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from dagster_project.declaration import DeclarationError, Field
from dagster_project.settings import DATA_PRODUCTS, DBT_PROJECT

# The same YAML, ten times faster where libyaml is there: 0.04 s instead of 0.35 s.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

PORT_KEYS = ("product", "key", "month_of", "value_of", "is_restricted", "not_compared")


@dataclass(frozen=True)
class Port:
    """One version of one published table.

    Attributes:
        relation: the model's table in the warehouse and in the port files, `<name>_v<major>`.
        name: the relation without its version.
        major: the version.
        product: the data product it is a port of.
        contract_version: version of the contract that promises it, such as 1.0.0.
        key: columns that make a row one of its kind.
        month_of: date column whose months are the files, or None.
        value_of: column whose values are the files, or None.
        is_restricted: whether it is published apart from the open ports.
        not_compared: columns that differ between two runs that did the same.
        readers: roles of the contract that may read it, each with its group of the system.
        personal: columns that the contract classifies as restricted: they hold keyed hashes only.
    """

    relation: str
    name: str
    major: int
    product: str
    contract_version: str
    key: tuple[str, ...]
    month_of: str | None = None
    value_of: str | None = None
    is_restricted: bool = False
    not_compared: tuple[str, ...] = ()
    personal: tuple[str, ...] = ()
    readers: tuple[tuple[str, str], ...] = ()

    @property
    def folder(self) -> str:
        """Its folder inside a publication."""
        inner = f"{self.name}/v{self.major}"
        return f"restricted/{inner}" if self.is_restricted else inner

    @property
    def sorted_by(self) -> tuple[str, ...]:
        """Columns its files are sorted by: the one that cuts the files, then the key."""
        first = self.month_of or self.value_of
        return tuple(dict.fromkeys(([first] if first else []) + list(self.key)))


def read_ports(project: Path = DBT_PROJECT, products: Path = DATA_PRODUCTS) -> tuple[Port, ...]:
    """Read every declared port, sorted by relation.

    Raises:
        DeclarationError: a declaration is not what it must be; names file, field and finding.
    """
    ports = [
        port
        for file in sorted((project / "models" / "data_products").glob("*.yml"))
        if "models" in (declared := _read(file))
        for model in declared.child("models").items()
        for port in _ports_of(model, products)
    ]
    return tuple(sorted(ports, key=lambda port: port.relation))


def _ports_of(model: Field, products: Path) -> list[Port]:
    declared = model.child("config").child("meta").child("port")
    declared.only(PORT_KEYS)
    if "month_of" in declared and "value_of" in declared:
        declared.fail("month_of or value_of", "keep the one that cuts the table into files")
    product = declared.child("product").text()
    ports = []
    for version in model.child("versions").items():
        major = version.child("v").whole_number(default=0, at_least=1)
        alias = version.child("config").child("alias")
        relation = alias.text(default=f"{model.child('name').text()}_v{major}")
        name = relation.removesuffix(f"_v{major}")
        if name == relation:
            alias.fail(f"a name that ends in _v{major}", "name it after product and version")
        contract = _read(products / product / f"contract_v{major}.odcs.yaml")
        is_restricted = declared.child("is_restricted").flag(default=False)
        readers = _readers(contract)
        if is_restricted and not readers:
            contract.child("roles").fail(
                f"the roles that may read the restricted port {relation}",
                "write `roles: [{role: ..., access: read}]`",
            )
        ports.append(
            Port(
                relation=relation,
                name=name,
                major=major,
                product=product,
                contract_version=contract.child("version").text(),
                key=declared.child("key").texts(),
                month_of=_optional(declared.child("month_of")),
                value_of=_optional(declared.child("value_of")),
                is_restricted=is_restricted,
                not_compared=declared.child("not_compared").texts(),
                personal=tuple(
                    column.child("name").text()
                    for table in contract.child("schema").items()
                    for column in table.child("properties").items()
                    if column.child("classification").value == "restricted"
                ),
                readers=readers,
            )
        )
    return ports


def _readers(contract: Field) -> tuple[tuple[str, str], ...]:
    """Roles of a contract with their groups: the custom property `group`, else the role's name."""
    found = []
    for declared in contract.child("roles").items() if "roles" in contract else ():
        role = declared.child("role").text()
        group = role
        custom = declared.child("customProperties")
        for item in custom.items() if custom.value is not None else ():
            if item.child("property").value == "group":
                group = item.child("value").text()
        found.append((role, group))
    return tuple(found)


def _optional(declared: Field) -> str | None:
    return None if declared.value is None else declared.text()


def _read(file: Path) -> Field:
    try:
        return Field(file, "", yaml.load(file.read_text(encoding="utf-8"), Loader=LOADER))
    except FileNotFoundError:
        raise DeclarationError(f"{file}: expected this file, found none. Write it.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{file}: expected YAML, found {error}. Correct the file.") from None
