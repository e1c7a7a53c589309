"""libobs in the test's own process, without an OBS around it; enough for structures, data and properties."""

import ctypes
import os

import pytest


def pytest_configure() -> None:
    """deepfake_core.obs binds to the libobs of its process when it is imported."""
    try:
        ctypes.CDLL("libobs.so.0", mode=ctypes.RTLD_GLOBAL | os.RTLD_NOW)
    except OSError:
        return


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without libobs these tests have nothing to test."""
    if not hasattr(ctypes.CDLL(None), "obs_get_version"):
        for item in items:
            if "obs_unit" in item.path.parts:
                item.add_marker(pytest.mark.skip(reason="libobs is not installed"))
