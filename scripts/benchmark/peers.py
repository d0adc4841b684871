"""What else one could use: transformers' own pipelines, and the paper's Keras stack."""

import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import timm
from transformers import (
    TimmWrapperConfig,
    TimmWrapperForImageClassification,
    TimmWrapperImageProcessor,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
    pipeline,
)

from hfskin.inference.backend import load
from hfskin.model.backbone_table import backbone_spec
from hfskin.model.configuration_hfskin import HfskinConfig
from hfskin.model.labels import CLASSES

VIT_SIDE = 224


def pipelines(config: HfskinConfig, device: str, threads: int) -> dict[str, Callable]:
    """Pipelines from files of pictures to answers: call one with a list of paths.

    Args:
        config: of the embedded checkpoint, whose backbone and input size TimmWrapper gets.
    """
    runs: dict[str, Callable] = {"hfskin_torch": load(backend="torch", device=device)}
    if device == "cpu":
        runs["hfskin_onnx"] = load(backend="onnx", threads=threads)
    runs["timm_wrapper"] = _timm_wrapper(config, device)
    vit = ViTForImageClassification(ViTConfig(num_labels=len(CLASSES), image_size=VIT_SIDE))
    processor = ViTImageProcessor(size={"height": VIT_SIDE, "width": VIT_SIDE})
    runs["vit_base"] = pipeline("image-classification", model=vit.eval(), image_processor=processor, device=device)
    return runs


def answer_files(run: Callable, files: list[str], ours: bool) -> None:
    """One call of a pipeline of [`pipelines`] with all files; transformers' own must be told to make them one batch."""
    run(files) if ours else run(files, batch_size=len(files))


def _timm_wrapper(config: HfskinConfig, device: str):
    architecture = backbone_spec(config.backbone).timm_id
    published = timm.get_pretrained_cfg(architecture).to_dict()
    published |= {"input_size": (3, *config.image_size), "crop_pct": 1.0}
    network = TimmWrapperForImageClassification(
        TimmWrapperConfig(architecture=architecture, pretrained_cfg=published, num_labels=len(CLASSES))
    )
    processor = TimmWrapperImageProcessor(pretrained_cfg=published, architecture=architecture)
    return pipeline("image-classification", model=network.eval(), image_processor=processor, device=device)


class KerasPeer:
    """The process of keras_peer.py; use it in a `with`. `facts` holds its versions and parameters, `peak` in the end
    the most memory that it held, in MB.

    Raises:
        RuntimeError: it did not start or died.
    """

    def __init__(self, python: str, threads: int):
        self.command = [python, str(Path(__file__).with_name("keras_peer.py")), str(threads)]
        self.peak: float | None = None

    def __enter__(self) -> "KerasPeer":
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(self.command, text=True, **pipes)
        self.facts = json.loads(self._line())
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if kind is not None:
            self.process.kill()
            self.process.wait()
            return
        last, _ = self.process.communicate()
        self.peak = round(float(last), 1)

    def runs(self, batch: int) -> dict[str, Callable[[], object]]:
        """A contender for `alternate`."""
        return {"keras": partial(self._answer, batch)}

    def _answer(self, batch: int) -> None:
        self.process.stdin.write(f"{batch}\n")
        self.process.stdin.flush()
        self._line()

    def _line(self) -> str:
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise RuntimeError(f"Keras did not answer; run it by hand and see: {self.command[0]} keras_peer.py 2")
        return line
