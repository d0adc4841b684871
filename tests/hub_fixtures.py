"""One small Hub, and processes that talk to it, for all test_hub_*.py of a session.

huggingface_hub reads its settings when it is imported, so its users run in processes of their own: `client(f, *args)`
calls the function `f` of a test module there. Nothing here imports hfskin, because one of these processes must not.
"""

import functools
import multiprocessing
import os
import runpy
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from hub_server import WRITER, HubServer
from paths import DATA, ROOT

MODEL_CODE = ROOT / "hfskin" / "model"
SHIM = MODEL_CODE / "torchvision_import.py"
PICTURE = str(DATA / "images" / "ISIC_0024308.jpg")


@pytest.fixture(scope="session")
def hub() -> Iterator[HubServer]:
    with HubServer() as server:
        yield server


@pytest.fixture(scope="session")
def client(hub, tmp_path_factory) -> Iterator[Callable]:
    """A user with hfskin and a token that may write."""
    yield from _process(hub.url, tmp_path_factory.mktemp("client"))


@pytest.fixture(scope="session")
def stranger(hub, tmp_path_factory) -> Iterator[Callable]:
    """A user without hfskin."""
    yield from _process(hub.url, tmp_path_factory.mktemp("stranger"), without_hfskin=True)


@pytest.fixture
def dead_endpoint() -> Iterator[str]:
    """An address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def cut_off(dead_endpoint, tmp_path) -> Iterator[Callable]:
    """A user with hfskin, an empty cache and no network."""
    yield from _process(dead_endpoint, tmp_path)


@pytest.fixture(scope="session")
def checkpoint(client, tmp_path_factory) -> Path:
    """A checkpoint folder of one training step on tests/data, with a metrics.json."""
    folder = tmp_path_factory.mktemp("run") / "tiny"
    client(train_tiny, folder)
    (folder / "metrics.json").write_text("{}")
    return folder


@pytest.fixture(scope="session")
def pushed(client, checkpoint) -> str:
    """The name of a repository that holds `checkpoint`."""
    client(push_tiny, checkpoint, "org/tiny")
    return "org/tiny"


def train_tiny(folder: Path) -> None:
    from dataclasses import replace

    from hfskin.data.ham10000 import load_ham10000
    from hfskin.training.config import TrainConfig
    from hfskin.training.recipes import MODERN
    from hfskin.training.run import train

    table = load_ham10000(DATA)
    table["split"] = ["val" if place == 0 else "train" for place in table.groupby("dx").cumcount()]
    recipe = replace(MODERN, epochs=1, batch_size=21, augment=False, start_scale=1.0, metadata_hidden=8)
    train(table, folder, TrainConfig(recipe, "mobilenet_v3_small", weights=None, image_size=(64, 96)))
    shutil.rmtree(folder / "trainer")


def push_tiny(checkpoint: Path, name: str, **kwargs) -> list[str]:
    from hfskin.hub.push import push_checkpoint

    lines = []
    push_checkpoint(checkpoint, name, echo=lines.append, **kwargs)
    return lines


def local_logits(folder: Path) -> list[float]:
    """Of `PICTURE`, by the classes themselves; the patient is unknown."""
    from hfskin import HfskinForImageClassification, HfskinImageProcessor

    return logits(HfskinForImageClassification.from_pretrained(folder), HfskinImageProcessor.from_pretrained(folder))


def logits(model, processor) -> list[float]:
    import torch

    with torch.no_grad():
        return model.eval()(**processor(PICTURE, return_tensors="pt")).logits[0].tolist()


def message_of(call: Callable, *args, **kwargs) -> str:
    """What a call that must fail with a HubError says."""
    from hfskin.checkpoints.hub import HubError

    try:
        call(*args, **kwargs)
    except HubError as error:
        return str(error)
    raise AssertionError(f"{call.__name__}{args} did not fail")


def _process(endpoint: str, home: Path, without_hfskin: bool = False) -> Iterator[Callable]:
    settings = {
        "HF_ENDPOINT": endpoint,
        "HF_TOKEN": WRITER,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "0",
        "TRANSFORMERS_OFFLINE": "0",
        "HF_DATASETS_OFFLINE": "0",
        "OMP_NUM_THREADS": "1",  # threads that wait for each other take minutes on a machine with other work
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, _settle, (settings, without_hfskin)) as pool:
        yield lambda call, *args, **kwargs: pool.submit(call, *args, **kwargs).result(timeout=500)


def _settle(settings: dict[str, str], without_hfskin: bool) -> None:
    os.environ.update(settings)
    if without_hfskin:
        sys.meta_path.insert(0, _NoHfskin())
        # A stranger's torchvision is healthy. The one of this machine may not be; the model's own file mends it.
        runpy.run_path(str(SHIM))["import_torchvision"]()


class _NoHfskin:
    """An import path without hfskin, however it was installed."""

    @functools.cached_property
    def find_distributions(self):  # importlib.metadata asks every finder
        return lambda *args: []

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "hfskin":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
