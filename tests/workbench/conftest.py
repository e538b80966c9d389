"""Apps with a state folder, a cache and runs of their own, in an empty current folder."""

import pytest

from workbench.app import WorkbenchApp


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """Nothing a test does reaches the state, the cache or the folder of the person who runs it."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("RM_WORKBENCH_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("RM_WORKBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def make_app():
    """An app; keyword `inspector` takes a stand-in for the inspector process."""

    def make(preset=None, inspector=None):
        return WorkbenchApp(preset, inspector=inspector)

    return make
