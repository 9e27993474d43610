"""Landing: files are found, read once, registered or rejected with a reason, never changed."""

from dagster_project.landing.erasing import erase_from, personal_files, traces_in
from dagster_project.landing.file import LandedFile, sha256_of
from dagster_project.landing.folder import is_ignored
from dagster_project.landing.registration import (
    LandingReport,
    input_files,
    register_landed,
)
from dagster_project.landing.traces import Traces

__all__ = [
    "LandedFile",
    "LandingReport",
    "Traces",
    "erase_from",
    "input_files",
    "is_ignored",
    "personal_files",
    "register_landed",
    "sha256_of",
    "traces_in",
]
