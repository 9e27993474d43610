"""Landing: files are found, read once, registered or rejected with a reason, never changed."""

from dagster_project.landing.file import sha256_of
from dagster_project.landing.folder import is_ignored
from dagster_project.landing.registration import (
    LandingReport,
    input_files,
    register_landed,
)

__all__ = [
    "LandingReport",
    "input_files",
    "is_ignored",
    "register_landed",
    "sha256_of",
]
