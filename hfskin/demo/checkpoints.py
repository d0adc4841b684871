"""The checkpoints that a page answers with, and the one thread on which their models run."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from huggingface_hub import hf_hub_download

from ..checkpoints.history import refuse_stale
from ..checkpoints.hub import HubError, checkpoint_folder, hub_errors
from ..checkpoints.layout import (
    EMBEDDED,
    EMBEDDED_CHECKPOINT,
    METRICS_FILE,
    WEIGHTS_FILE,
    file_digest,
    folder_name,
    read_settings,
)
from ..inference.backend import load
from ..inference.base import LesionPipeline, network_names
from ..inference.onnx import OnnxPipeline
from ..words import en as text

if TYPE_CHECKING:
    from ..inference.pipeline import SkinLesionPipeline

ENV_LISTED = "HFSKIN_CHECKPOINTS"  # names to offer, separated by commas
ENV_SPACE = "SPACE_ID"  # set by Hugging Face; there, strangers choose from the list only

_NOT_MEASURED = (LookupError, TypeError, ValueError, OverflowError)  # what odd or missing figures raise


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in memory.

    Attributes:
        source: what it was asked for by: a folder, user/name or user/name@revision.
        folder: where its files lie, of a Hub repository in the cache.
    """

    source: str
    folder: Path
    pipeline: LesionPipeline

    @cached_property
    def with_gradients(self) -> "SkinLesionPipeline":
        """By torch, which is imported when this is first asked for; on the model's thread."""
        if not isinstance(self.pipeline, OnnxPipeline):
            return self.pipeline  # type: ignore[return-value]
        return load(self.folder, backend="torch", threads=1)

    @property
    def of_hub(self) -> bool:
        return self.source not in EMBEDDED and not Path(self.source).is_dir()

    @property
    def name(self) -> str:
        """What to call it; of a folder only its last part, since the rest of its path is nobody's business."""
        if self.folder == EMBEDDED_CHECKPOINT:
            return text.CHECKPOINT_EMBEDDED
        return split_revision(self.source)[0] if self.of_hub else folder_name(self.folder)

    @property
    def revision(self) -> str:
        """The Hub's commit, or of a folder the first digits of the SHA-256 of its weights."""
        if self.of_hub:
            return self.folder.name[:12]
        return file_digest(self.folder / WEIGHTS_FILE)[:12]

    @cached_property
    def metrics(self) -> dict:
        """Its metrics.json; empty where nobody measured it, or before its weights or its calibration changed."""
        path = self.file(METRICS_FILE)
        if path is None:
            return {}
        try:
            metrics = read_settings(path)
            refuse_stale(self.folder, metrics)
        except (OSError, ValueError):  # StaleMetricsError, or a stranger's
            return {}
        return metrics

    def missed_elsewhere(self, text: ModuleType) -> str:
        """How many melanomas it missed on other clinics' pictures, in a sentence; "" where nobody measured it."""
        try:
            found = self.metrics["elsewhere"]
            melanomas = found["melanomas"]
            missed = round((1 - found["malignant_suspicious"]["value"]) * melanomas)
        except _NOT_MEASURED:
            return ""
        return text.MISSED_ELSEWHERE.format(missed=missed, melanomas=melanomas)

    @property
    def spread(self) -> dict | None:
        """How much its number differs between pictures of a lesion that did not change, see `scripts/repeatability.py`;
        None where nobody measured it."""
        try:
            found = self.metrics["repeatability"]
            round(100 * found["difference"]["nine_in_ten"]["value"])
        except _NOT_MEASURED:
            return None
        return found

    def describe(self, text: ModuleType) -> str:
        """Name, revision and build in one sentence."""
        config = self.pipeline.config
        height, width = config.image_size
        millions = f"{self.pipeline.parameters / 1e6:.1f}"
        return text.CHECKPOINT_LINE.format(
            name=self.name,
            revision=self.revision,
            backbone=network_names(config),
            height=height,
            width=width,
            parameters=millions,
        )

    def file(self, name: str) -> Path | None:
        """A file that stands beside the weights, or None."""
        path = self.folder / name
        if not path.is_file() and self.of_hub:
            try:
                return Path(hf_hub_download(split_revision(self.source)[0], name, revision=self.folder.name))
            except OSError:  # it is not there, or the Hub does not answer
                return None
        return path if path.is_file() else None


class Checkpoints:
    """The checkpoint that the page started with, and at most one other, in memory.

    Args:
        start: as for `hfskin.load`: None is the embedded checkpoint.
    """

    def __init__(self, start: str | None = None):
        self.listed = [name.strip() for name in os.environ.get(ENV_LISTED, "").split(",") if name.strip()]
        self.only_listed = bool(os.environ.get(ENV_SPACE))
        # One thread: two answers at once would not be faster, Grad-CAM's hooks stand alone, and memory stays flat,
        # since torch keeps workers for every thread that calls it.
        # It uses one core: OpenMP's second worker waits by spinning, which starves the web server (measured beside a
        # busy process: 700 ms an answer instead of 100).
        self._thread = ThreadPoolExecutor(1, "model")
        self._first = self._load(str(start or EMBEDDED_CHECKPOINT))
        self._other: Checkpoint | None = None

    @property
    def offer_others(self) -> bool:
        """Whether a visitor has a choice."""
        return bool(self.listed)

    def run(self, function: Callable, *args, **kwargs):
        """The function's result, computed on the model's thread."""
        return self._thread.submit(function, *args, **kwargs).result()

    def get(self, source: str = "") -> Checkpoint:
        """A checkpoint: "" (the one at the start), a folder, user/name or user/name@revision.

        Raises:
            HubError: not on this page's list, not there, or not a checkpoint of hfskin.
        """
        if source in ("", self._first.source):
            return self._first
        other = self._other
        return other if other is not None and other.source == source else self.renew(source)

    def renew(self, source: str) -> Checkpoint:
        """Like `get`, but looks for it again, so that a fresh push is seen."""
        if source in ("", self._first.source):
            return self._first
        if self.only_listed and source not in self.listed:
            raise HubError(text.CHECKPOINT_NOT_LISTED.format(source=source))
        # A graph is a program: one that a visitor names does not run here, its weights do, by torch.
        self._other = other = self._load(source, "auto" if source in self.listed else "torch")
        return other

    def _load(self, source: str, backend: str = "auto") -> Checkpoint:
        if source.endswith(".onnx"):
            raise HubError(text.CHECKPOINT_IS_ONNX.format(source=source))
        name, revision = split_revision(source)
        with hub_errors(name, revision):
            folder = checkpoint_folder(name, revision)
        try:
            pipeline = self.run(load, folder, backend=backend, threads=1)
        except HubError as error:
            # It names the folder, which for a Hub repository lies in the server's cache and is no visitor's business.
            raise HubError(str(error).replace(str(folder), source, 1)) from None
        return Checkpoint(source, folder, pipeline)


def split_revision(source: str) -> tuple[str, str | None]:
    """user/name@revision -> its two parts; a folder is taken as it is."""
    name, at, revision = source.rpartition("@")
    return (source, None) if not at or Path(source).is_dir() else (name, revision)
