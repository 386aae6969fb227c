"""Shared by all tests: hypothesis profiles, the package's coverage, the order of the suite, and fixtures."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None, database=None)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

pytest_plugins = ["support.package_coverage"]


def pytest_configure(config: pytest.Config) -> None:
    """The fixtures import the package, which is to happen once its coverage is measured: after that plugin's hook."""
    config.pluginmanager.import_plugin("support.shared_fixtures")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Long files first, but for one process that starts with the unit tests."""
    from support.suite_order import SlowFilesFirst  # noqa: PLC0415 - pytest-xdist may be missing

    return SlowFilesFirst(config, log)
