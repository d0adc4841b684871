"""The contenders of one architecture: the bare backbone, our whole model, and what makes it faster."""

import copy
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from hfskin.checkpoints.layout import EMBEDDED_CHECKPOINT, ONNX_FILE
from hfskin.inference.backend import onnx_beside
from hfskin.inference.onnx import OnnxError, OnnxPipeline
from hfskin.model.backbone_table import backbone_spec
from hfskin.model.backbones import create_network, pretrained_weights
from hfskin.model.configuration_hfskin import HfskinConfig
from hfskin.model.image_processing_hfskin import HfskinImageProcessor
from hfskin.model.labels import CLASSES
from hfskin.model.metadata import METADATA_SIZE
from hfskin.model.modeling_hfskin import HfskinForImageClassification

from .processes import in_process

MOBILE = (
    "mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "efficientnet_lite0",
    "efficientnet_lite1", "efficientnet_lite2", "efficientnet_b0", "nasnet_mobile",
)  # fmt: skip
BIG = ("resnet50", "resnet152", "densenet201", "inception_resnet_v2", "nasnet_large", "vgg16")
EMBEDDED = "embedded"
PAPER_HEAD = {"backbone_cut": "paper", "pooling": "flatten", "metadata_hidden": 4096, "gate": False}

# A process without torch, as `hfskin predict` on a CPU is.
_ONNX_ALONE = """
import json, sys
import hfskin, numpy
from hfskin.inference.onnx import OnnxPipeline
from scripts.benchmark.processes import peak_memory
path, threads, pixels, metadata = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3]), json.loads(sys.argv[4])
OnnxPipeline(path, threads).run(numpy.zeros(pixels, numpy.float32), numpy.zeros(metadata, numpy.float32))
print(peak_memory())
"""


@dataclass(frozen=True)
class Architecture:
    """A row of the benchmark: a checkpoint folder with its ONNX graph."""

    name: str
    folder: Path

    @property
    def config(self) -> HfskinConfig:
        return HfskinConfig.from_pretrained(self.folder)

    def model(self, device: str = "cpu") -> HfskinForImageClassification:
        """The whole model, float32."""
        return HfskinForImageClassification.from_pretrained(self.folder, dtype=torch.float32).eval().to(device)

    def bare(self, device: str = "cpu") -> nn.ModuleList:
        """The same backbone with its own classifier of as many classes: the floor. Those of all networks that answer
        together, which `_run_bare` runs one after the other."""
        config = self.config
        networks = []
        for network in (config, *(HfskinConfig(**member) for member in config.partners)):
            kwargs = network.backbone_kwargs
            if kwargs is None:
                kwargs = pretrained_weights(network.backbone, None).timm_kwargs
            networks.append(create_network(network.backbone, len(CLASSES), **kwargs))
        return nn.ModuleList(networks).eval().to(device)

    def onnx(self, threads: int) -> OnnxPipeline:
        """The whole model on ONNX Runtime."""
        return OnnxPipeline(self.folder / ONNX_FILE, threads)

    def inputs(self, batch: int, device: str = "cpu") -> tuple[torch.Tensor, torch.Tensor]:
        """Random pictures (B, 3, H, W) and patients (B, 19)."""
        random = torch.Generator().manual_seed(0)
        pixels = torch.randn(batch, 3, *self.config.image_size, generator=random)
        return pixels.to(device), torch.rand(batch, METADATA_SIZE, generator=random).to(device)


def embedded() -> Architecture:
    """The embedded checkpoint: its own input size, its trained weights."""
    return Architecture(EMBEDDED, EMBEDDED_CHECKPOINT)


def prepare(name: str, graphs: Path, **changes) -> Architecture:
    """A backbone in the embedded checkpoint's configuration, at its own input size, with random weights.

    Args:
        name: of `BACKBONES`.
        graphs: where checkpoint and graph are kept, by the version of the code that makes them: the export takes longer
            than all that is measured of it.
        changes: of the configuration.
    """
    side = backbone_spec(name).input_size
    folder = graphs / _code_version() / "-".join([name, *(f"{key}_{value}" for key, value in changes.items())])
    try:
        onnx_beside(folder)
    except OnnxError:
        config = HfskinConfig.from_pretrained(EMBEDDED_CHECKPOINT)
        values = {"backbone": name, "image_size": [side, side], "backbone_kwargs": None, "partners": [], **changes}
        for key, value in values.items():
            setattr(config, key, value)
        torch.manual_seed(0)
        HfskinForImageClassification(config).save_pretrained(folder)
        HfskinImageProcessor(size={"height": side, "width": side}).save_pretrained(folder)
        from hfskin.export.onnx import export_onnx  # needs the `onnx` extra

        export_onnx(folder)
    return Architecture(name, folder)


def _code_version() -> str:
    """Of what makes a network and its graph: files of `hfskin.model`, and the export."""
    package = Path(__file__).resolve().parents[2] / "hfskin"
    files = [*sorted((package / "model").glob("*.py")), package / "export" / "onnx.py"]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def contenders(
    architecture: Architecture, batch: int, device: str, threads: int, compiled: bool = False
) -> dict[str, Callable[[], object]]:
    """Calls that answer one batch: bare, eager, channels_last, compiled where it is wanted, onnx on a CPU."""
    pixels, metadata = architecture.inputs(batch, device)
    model = architecture.model(device)
    runs: dict[str, Callable[[], object]] = {
        "bare": partial(_run_bare, architecture.bare(device), pixels),
        "eager": partial(_run_whole, model, pixels, metadata),
    }
    fast = copy.deepcopy(model).to(memory_format=torch.channels_last)
    runs["channels_last"] = partial(_run_channels_last, fast, pixels, metadata)
    if compiled:
        torch.compiler.reset()
        runs["compiled"] = partial(_run_channels_last, torch.compile(fast, dynamic=False), pixels, metadata)
    if device == "cpu":
        runs["onnx"] = partial(architecture.onnx(threads).run, pixels.numpy(), metadata.numpy())
    return runs


def logits_difference(runs: dict[str, Callable[[], object]]) -> float:
    """The largest difference of a logit between ONNX Runtime and eager torch."""
    return float(np.abs(runs["onnx"]()["logits"] - runs["eager"]().numpy()).max())


def peak_memories(architecture: Architecture, batch: int, threads: int) -> dict[str, float]:
    """MB that a process holds at most which loads the contender and answers one batch; on the CPU."""
    peaks = {
        kind: in_process(_answer_alone, kind, architecture, batch, threads)[1]
        for kind in ("bare", "eager", "channels_last")
    }
    shapes = [json.dumps(list(values.shape)) for values in architecture.inputs(batch)]
    command = [sys.executable, "-c", _ONNX_ALONE, str(architecture.folder / ONNX_FILE), str(threads), *shapes]
    peaks["onnx"] = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return peaks


def _answer_alone(kind: str, architecture: Architecture, batch: int, threads: int) -> None:
    torch.set_num_threads(threads)
    pixels, metadata = architecture.inputs(batch)
    if kind == "bare":
        _run_bare(architecture.bare(), pixels)
    elif kind == "eager":
        _run_whole(architecture.model(), pixels, metadata)
    else:
        _run_channels_last(architecture.model().to(memory_format=torch.channels_last), pixels, metadata)


@torch.no_grad()
def _run_bare(networks: nn.ModuleList, pixels: torch.Tensor) -> torch.Tensor:
    return sum(network(pixels) for network in networks).cpu()  # waits for the GPU


@torch.no_grad()  # as transformers' pipelines do
def _run_whole(model: nn.Module, pixels: torch.Tensor, metadata: torch.Tensor) -> torch.Tensor:
    return model(pixels, metadata).logits.cpu()


@torch.inference_mode()
def _run_channels_last(model: nn.Module, pixels: torch.Tensor, metadata: torch.Tensor) -> torch.Tensor:
    return model(pixels.to(memory_format=torch.channels_last), metadata).logits.cpu()
