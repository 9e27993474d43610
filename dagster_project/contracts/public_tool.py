"""Run the public tool, `datacontract test`, on several contracts in one process of its own.

Started as `python -m dagster_project.contracts.public_tool contract.yaml=server=categories ...`,
since importing it takes 0.9 s of CPU and its logging and settings are global. It prints a line of
JSON per contract: what `datacontract test --server <server> contract.yaml` finds, check by check.
"""

from __future__ import annotations

import json
import logging
import sys

from datacontract.data_contract import DataContract


def run_tests(file: str, server: str, categories: str) -> str:
    """Test one contract on one of its servers; JSON with the file, the server and the checks.

    Args:
        file: the contract, with absolute paths in its servers.
        server: name of the server, such as duckdb.
        categories: of checks, with commas: schema, quality, servicelevel.
    """
    found = DataContract(
        data_contract_file=file, server=server, check_categories=set(categories.split(","))
    ).test()
    return json.dumps(
        {
            "file": file,
            "server": server,
            "checks": [
                {
                    "category": check.category or "",
                    "type": check.type or "",
                    "model": check.model or "",
                    "name": check.name or "",
                    "result": check.result.value if check.result else "not run",
                    "reason": str(check.reason or ""),
                }
                for check in found.checks or []
            ],
        }
    )


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # what it logs may quote rows; what it finds is returned
    for argument in sys.argv[1:]:
        sys.stdout.write(run_tests(*argument.rsplit("=", 2)) + "\n")
