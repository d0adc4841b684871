"""How a number stands in the tables of docs/benchmark.md."""

import statistics

from .ratios import ratio

EMPTY = "–"
LABELS = {
    "bare": "bare",
    "eager": "whole",
    "channels_last": "channels_last",
    "compiled": "compiled",
    "onnx": "ONNX",
    "int8": "int8",
    "keras": "Keras",
    "hfskin_torch": "hfskin, torch",
    "hfskin_onnx": "hfskin, ONNX Runtime",
    "timm_wrapper": "transformers, TimmWrapper",
    "vit_base": "transformers, ViT-base",
    "step": "step",
    "data": "data",
}


def ratio_cell(times: dict[str, list[float]], contender: str, reference: str, bold: bool = False) -> str:
    """The median of the rounds' ratios and its quartiles."""
    if contender not in times:
        return EMPTY
    median, low, high = (f"{value:.2f}" for value in ratio(times, contender, reference))
    return f"{f'**{median}**' if bold else median} ({low} to {high})"


def time_cell(seconds: list[float] | None, batch: int) -> str:
    """The median, for one picture."""
    return EMPTY if seconds is None else f"{1000 * statistics.median(seconds) / batch:.1f}"


def with_interval(m: dict, sign: str) -> str:
    value, low, high = (format(m[key], f"{sign}.3f") for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"
