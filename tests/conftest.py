"""Shared fixtures: 28 real lesions, four a class (tests/data/ATTRIBUTION.md)."""

import os
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ["HF_HUB_OFFLINE"] = "1"  # before huggingface_hub is imported: no test reaches outside

import pandas as pd
import pytest
from demo_fixtures import (  # noqa: F401
    another_checkpoint,
    browser,
    keep,
    page_checkpoint,
    page_url,
    temporary_files,
    text_page,
    visit,
)
from paths import DATA
from untrained import untrained

import hfskin
from hfskin.data.ham10000 import load_ham10000


def pytest_configure(config) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's "&" has it ignored
    folder = TemporaryDirectory(prefix="uploads-")  # this process's own: a page sweeps what lies beside its uploads
    os.environ["GRADIO_TEMP_DIR"] = folder.name
    config.add_cleanup(folder.cleanup)


def shared_server(nodeid: str) -> str | None:
    """The running page or the Hub, where a test's file asks it; the tests in the browser have a page of their own."""
    return next((name for name in ("browser", "demo", "hub") if name in nodeid.split("::")[0]), None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """In parallel a file's tests run in one process, and so do all that ask the same server: it is started once."""
    from xdist.scheduler import LoadFileScheduling

    class ByServer(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return shared_server(nodeid) or super()._split_scope(nodeid)

    return ByServer(config, log)


def pytest_collection_modifyitems(config, items) -> None:
    """In parallel what takes long goes first, so that no process works on alone in the end."""
    if hasattr(config, "workerinput"):  # of pytest-xdist
        items.sort(key=lambda item: (not shared_server(item.nodeid), not item.get_closest_marker("slow")))


@pytest.fixture(scope="session")
def data_folder() -> Path:
    return DATA


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    return load_ham10000(DATA)


@pytest.fixture(scope="session")
def lesion_path() -> Path:
    return DATA / "images" / "ISIC_0024308.jpg"


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory) -> Path:
    """A checkpoint folder with random weights and calibration."""
    return untrained(
        tmp_path_factory.mktemp("tiny"),
        "mobilenet_v3_small",
        (96, 128),
        metadata_hidden=16,
        gate=True,
        temperature=1.5,
        malignant_threshold=0.3,
        malignant_sensitivity=0.95,
        conformal_threshold=0.1,
        conformal_coverage=0.9,
    )


@pytest.fixture(scope="session")
def embedded() -> hfskin.SkinLesionPipeline:
    """The pipeline with the embedded checkpoint, by torch."""
    return hfskin.load(backend="torch")
