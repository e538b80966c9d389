"""What holds for every test."""

import os

# Before torch is imported: two test processes with two spinning threads each would fight over two cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest


@pytest.fixture(scope="session", autouse=True)
def nobodys_folders(tmp_path_factory):
    """No test reads or writes what the person who runs it keeps: encoded sets, reports, demo data, runs, drafts."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CACHE", "STATE"):
            patch.setenv(f"RM_WORKBENCH_{name}", str(tmp_path_factory.mktemp(name.lower())))
        yield
