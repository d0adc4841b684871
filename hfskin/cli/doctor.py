"""`hfskin doctor`: what a bug report needs, and what is wrong with an installation."""

import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from .. import __version__

CORE = ("torch", "transformers", "timm", "onnxruntime", "numpy", "pillow", "huggingface_hub", "gradio")
EXTRAS = {"explain": "captum", "onnx": "onnxscript", "mcp": "mcp", "heic": "pillow_heif", "dicom": "pydicom"}


def examine(model: str | None = None) -> tuple[list[str], bool]:
    """Lines to read, and whether the checkpoint answers as it should.

    Args:
        model: as for `hfskin.load`.
    """
    lines = [f"hfskin {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"]
    lines += [f"{name} {_version(name)}" for name in CORE]
    lines += [
        f"extra {extra}: {'installed' if find_spec(package) else f'not installed: pip install hfskin[{extra}]'}"
        for extra, package in EXTRAS.items()
    ]
    checked, sound = _checkpoint(model)
    return [*lines, *checked], sound


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _checkpoint(model: str | None) -> tuple[list[str], bool]:
    from ..checkpoints.history import StaleMetricsError
    from ..checkpoints.layout import ONNX_FILE
    from ..inference.backend import load
    from ..inference.machine import has_cuda
    from ..inference.onnx import OnnxPipeline

    name = model or "the embedded checkpoint"
    try:
        pipeline = load(model)
        answer = pipeline(_grey_picture())
        whole = _wholeness(pipeline.folder)
    except StaleMetricsError as error:
        return [f"{name}: not whole: {error}, or, if it should not have changed, copy it again"], False
    except (ValueError, OSError) as error:
        return [f"{name}: does not answer: {error}"], False
    by = "ONNX Runtime" if isinstance(pipeline, OnnxPipeline) else f"torch, on {'a GPU' if has_cuda() else 'the CPU'}"
    lines = [f"{name}: {whole}, revision {answer.revision}; answers by {by}"]
    if not isinstance(pipeline, OnnxPipeline) and not has_cuda() and not Path(pipeline.folder, ONNX_FILE).is_file():
        lines.append(f"{name}: would answer faster with a graph: hfskin export {pipeline.folder}")
    config = pipeline.config
    lacking = [
        n for n in ("malignant_threshold", "conformal_threshold", "gate_threshold") if getattr(config, n) is None
    ]
    if lacking:
        lines.append(f"{name}: not calibrated ({', '.join(lacking)} missing): hfskin calibrate")
    return lines, True


def _wholeness(folder: Path) -> str:
    """Whether weights and calibration are those that the metrics.json beside them measured.

    Raises:
        StaleMetricsError: they are others.
    """
    from ..checkpoints.history import refuse_stale
    from ..checkpoints.layout import METRICS_FILE, read_settings

    path = folder / METRICS_FILE
    metrics = read_settings(path) if path.is_file() else {}
    if "measured" not in metrics:
        return f"complete (no {METRICS_FILE} tells whether it is as it was)"
    refuse_stale(folder, metrics)
    return "whole"


def _grey_picture():
    """Any picture: what is said of it does not matter here."""
    from PIL import Image

    return Image.new("RGB", (300, 225), (128, 128, 128))
