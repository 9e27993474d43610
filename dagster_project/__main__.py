"""`python -m dagster_project` is the command `meshcast`."""

from dagster_project.cli import app

app(prog_name="meshcast")
