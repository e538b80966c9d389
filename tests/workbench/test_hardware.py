import os

import pytest

from workbench.hardware import Hardware, look_at_hardware


def test_it_is_said_in_one_line():
    here = Hardware(1, 32 * 2**30, 30 * 2**30, ())
    assert str(here) == "1 core · 30.0 of 32.0 GiB free · no GPU: training runs on the CPU"


@pytest.mark.parametrize(
    ("answer", "gpus"),
    [
        ("echo 'NVIDIA H100 80GB HBM3, 81559'; echo 'Tesla T4, [N/A]'", ("NVIDIA H100 80GB HBM3 80 GiB", "Tesla T4")),
        ("echo broken >&2; exit 9", ()),
    ],
)
def test_gpus_are_what_the_driver_says(tmp_path, monkeypatch, answer, gpus):
    monkeypatch.setattr("platform.system", lambda: "Linux")
    driver = tmp_path / "nvidia-smi"
    driver.write_text(f"#!/bin/sh\n{answer}\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    here = look_at_hardware()
    assert here.gpus == gpus
    assert here.cores >= 1
    assert 0 < here.free <= here.memory
