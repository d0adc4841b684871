"""docs/benchmark.md from results/benchmark.json."""

import statistics

from ..markdown import markdown_table
from .ratios import BOUNDS, INT8_LOSS, TRAINING_BOUND, int8_is_worth_it, missed, ratio

EMPTY = "–"
INTRODUCTION = """\
# Benchmark

Rendered by `python -m scripts.benchmark --render` from `results/benchmark.json`; do not edit. Measured by

    {command}

on {device} ({threads} threads; load average before the run: {load}), {versions}.{unfinished}

**Ratios first.** The contenders of a row take turns, round by round, each round beginning with another one; a ratio is
that of the same round. A cell is the median ratio (quartiles over the rounds); below 1 is faster. A ratio in bold
misses its bound. Milliseconds are medians, for one picture. Weights are random but for the embedded checkpoint's: they
do not change the time. float32 everywhere.
"""
CONTENDERS = """\
- **bare**: the timm backbone with its own classifier of seven classes, under `no_grad`: the floor. Of an ensemble, all
  its backbones, one after the other.
- **whole**: our model in the published configuration (cut "full", average pooling, 128 metadata units, the gate), eager
  torch under `no_grad`.
- **channels_last**: the same in the channels-last layout, which the pipeline uses, under `inference_mode`;
  **compiled**: that with `torch.compile`.
- **ONNX**: the graph of `hfskin export` on ONNX Runtime, with `hfskin predict`'s session options; Δ is the largest
  difference of a logit from eager torch.
"""
PIPELINES = """\
From picture files to answers: read, decode, crop and resize, network, answer. A list of as many files as the batch
says; ratios to our pipeline on torch. TimmWrapper has the embedded checkpoint's first backbone and input size, without
attention, metadata, gate and ensemble members; ViT-base has its own {vit}x{vit} (batch 1 alone: it takes seconds for
32). Both are transformers' `pipeline("image-classification")`.
"""
KERAS = """\
The same graph twice: MobileNetV3-Large, Soft-Attention with 16 maps, flatten, 4096 metadata units, at 224x224. Keras
{keras} on TensorFlow {tensorflow} answers by `predict_on_batch` in a process of its own; its Soft-Attention is written
as ours, one convolution over all channels. Ratios to our eager torch.
"""
INT8 = """\
The embedded checkpoint on ONNX Runtime, its convolutions in 8-bit integers by `hfskin export --int8` (the few that read
the largest maps and Soft-Attention's stay in float32); ratios to the float32 graph. The ranges of the activations come
from training pictures, the thresholds are those of float32. BMA on the validation and test parts of the `lesion` split,
with age, sex and site; the difference is paired, 95 % intervals over lesions.
"""
TRAINING = """\
A step of the modern recipe with the embedded checkpoint's architecture, batch {batch}: Trainer's forward and backward
pass, clipping, AdamW, averaged weights. Real: pictures from the data set through Trainer's loader (workers: {workers}),
augmented anew. In memory: the same step on one batch. All cores take part. Rounds: {rounds}, of {steps} steps each.
Data: {pictures} pictures of HAM10000 in {width}x{height}. Progressive resizing begins with small pictures, whose steps
are shorter; the bound of {bound} is asked of both.
"""


def render(report: dict) -> str:
    """The page; what the report lacks is left out or said to be missing."""
    machine, networks = report["machine"], report.get("networks", {})
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    unfinished = "" if report["finished"] else "\n\n**The run was cut off: what follows is what it had.**"
    parts = [
        INTRODUCTION.format(**machine | {"versions": versions, "unfinished": unfinished, "command": report["command"]}),
        *(_again(name, again) for name, again in report.get("measured_again", {}).items()),
        "## Bounds\n\n" + _bounds(report),
        "## Networks\n\n" + CONTENDERS,
        *(f"### Batch {batch}\n\n" + _network_table(networks, batch) for batch in _batches(networks)),
        _pipelines(report.get("pipelines")),
        _keras(report.get("keras")),
        _int8(report.get("int8")),
        _training(report.get("training")),
        _memory(networks),
        _profiles(report),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _again(name: str, again: dict) -> str:
    """Of a piece that is newer than the rest."""
    machine = again["machine"]
    versions = ", ".join(f"{package} {version}" for package, version in machine["versions"].items())
    return (
        f"Measured again since: {name}, by `{again['command']}` on {machine['device']} ({machine['threads']} threads; "
        f"load average: {machine['load']}), {versions}."
    )


def _bounds(report: dict) -> str:
    rows, networks = [], report.get("networks", {})
    for (contender, reference), limits in BOUNDS.items():
        for batch, limit in limits.items():
            ratios = {
                name: ratio(row["seconds"][batch], contender, reference)[0]
                for name, row in networks.items()
                if contender in row["seconds"].get(batch, ())
            }
            label = f"{_LABELS[contender]} / {_LABELS[reference]}, batch {batch}"
            rows.append([label, f"{limit:.2f}", *_verdict(ratios, limit)])
    training = (report.get("training") or {}).get("sizes", {})
    ratios = {f"{name} size": ratio(row["seconds"], "real", "memory")[0] for name, row in training.items()}
    rows.append(["training, real data / in memory", f"{TRAINING_BOUND:.2f}", *_verdict(ratios, TRAINING_BOUND)])
    return markdown_table(["ratio", "at most", "embedded", "kept by", "missed by"], rows)


def _verdict(ratios: dict[str, float], limit: float) -> list[str]:
    misses = [f"{name} ({value:.2f})" for name, value in ratios.items() if value > limit]
    ours = next((value for name, value in ratios.items() if name in ("embedded", "full size")), None)
    kept = f"{len(ratios) - len(misses)} of {len(ratios)}"
    return [EMPTY if ours is None else f"{ours:.2f}", kept, ", ".join(misses) or "none"]


def _network_table(networks: dict, batch: str) -> str:
    rows = []
    measured = {name: row for name, row in networks.items() if batch in row["seconds"]}
    columns = [("eager", "bare"), ("channels_last", "eager"), ("compiled", "eager"), ("onnx", "eager")]
    columns = [pair for pair in columns if any(pair[0] in row["seconds"][batch] for row in measured.values())]
    times = ["bare", "eager", *(["onnx"] if ("onnx", "eager") in columns else [])]
    for name, row in measured.items():
        seconds = row["seconds"][batch]
        misses = missed(row["seconds"])
        ratios = [_ratio(seconds, *pair, bold=(*pair, batch) in misses) for pair in columns]
        height, width = row["image_size"]
        label = f"{name} ({row['backbone']})" if name != row["backbone"] else name
        milliseconds = [_milliseconds(seconds.get(contender), int(batch)) for contender in times]
        difference = [f"{row['logits_difference']:.0e}"] if "onnx" in times else []
        rows.append([label, f"{height}x{width}", *ratios, *milliseconds, *difference])
    heads = [f"{_LABELS[contender]} / {_LABELS[reference]}" for contender, reference in columns]
    difference = ["Δ"] if "onnx" in times else []
    return markdown_table(["backbone", "input", *heads, *(f"{_LABELS[t]}, ms" for t in times), *difference], rows)


def _pipelines(measured: dict | None) -> str | None:
    if not measured:
        return None
    rows = [
        [_LABELS[name], *(_ratio(times, name, "hfskin_torch") for times in measured["seconds"].values()),
         *(_milliseconds(times.get(name), int(batch)) for batch, times in measured["seconds"].items())]
        for name in next(iter(measured["seconds"].values()))
    ]  # fmt: skip
    heads = [f"batch {batch}" for batch in measured["seconds"]]
    table = markdown_table(["pipeline", *heads, *(f"{head}, ms" for head in heads)], rows)
    return "## Pipelines\n\n" + PIPELINES.format(vit=measured["vit_side"]) + "\n" + table


def _keras(measured: dict | None) -> str | None:
    if not measured:
        return None
    if "absent" in measured:
        return f"## The paper's stack\n\nNot measured: {measured['absent']}."
    rows = []
    for batch, seconds in measured["seconds"].items():
        for name in seconds:
            time = _milliseconds(seconds[name], int(batch))
            rows.append([_LABELS[name], batch, _ratio(seconds, name, "eager"), time])
    text = KERAS.format(**measured["versions"])
    table = markdown_table(["network", "batch", "ratio", "ms"], rows)
    peak = f"Peak memory of the Keras process: {measured['peak_mb']:.0f} MB."
    return "\n\n".join(["## The paper's stack", text.strip(), table, peak])


def _int8(measured: dict | None) -> str | None:
    if not measured:
        return None
    times = [
        [batch, _ratio(seconds, "int8", "onnx"), *(_milliseconds(seconds[k], int(batch)) for k in ("onnx", "int8"))]
        for batch, seconds in measured["seconds"].items()
    ]
    parts = [
        [part, str(row["n"]), _with_interval(row["bma"], ""), _with_interval(row["difference"], "+")]
        for part, row in measured["parts"].items()
    ]
    accepted = measured["accepted"]
    verdict = "It keeps" if int8_is_worth_it(measured) else "It misses"
    text = (
        f"The same most probable class for {measured['agreement']:.1%} of them; a probability differs by "
        f"{measured['probability']:.4f} on average;\nthe gate lets {accepted['int8']:.1%} through, in float32 "
        f"{accepted['onnx']:.1%}. The file has {measured['bytes'] / 1e6:.1f} MB. {verdict} the bound:\nfaster, at a "
        f"loss of less than {INT8_LOSS} of BMA on both parts together."
    )
    return "\n\n".join(
        [
            "## 8-bit integers",
            INT8.strip(),
            markdown_table(["batch", "int8 / ONNX", "ONNX, ms", "int8, ms"], times),
            markdown_table(["part", "pictures", "BMA, float32", "difference in 8 bits"], parts),
            text,
        ]
    )


def _with_interval(m: dict, sign: str) -> str:
    value, low, high = (format(m[key], f"{sign}.3f") for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _training(measured: dict | None) -> str | None:
    if not measured:
        return None
    rows = []
    for name, row in measured["sizes"].items():
        height, width = row["image_size"]
        seconds = row["seconds"]
        bold = ratio(seconds, "real", "memory")[0] > TRAINING_BOUND
        speeds = [f"{measured['batch'] / statistics.median(seconds[kind]):.1f}" for kind in ("real", "memory")]
        waiting = f"{100 * statistics.median(row['waiting']):.0f} %"
        rows.append([f"{name}, {height}x{width}", _ratio(seconds, "real", "memory", bold), *speeds, waiting])
    rounds = len(next(iter(measured["sizes"].values()))["waiting"])
    text = TRAINING.format(**measured, rounds=rounds, bound=f"{TRAINING_BOUND:.2f}")
    heads = ["size", "real / in memory", "real, images/s", "in memory, images/s", "waiting for data"]
    draw = 1000 * statistics.median(measured["draw_seconds"])
    peak = (
        f"To load and augment a picture takes {draw:.1f} ms of one core: where no core is free for it, the step gives\n"
        f"them. Peak memory of the training process, its workers not counted: {measured['peak_mb']:.0f} MB."
    )
    return "\n\n".join(["## Training", text.strip(), markdown_table(heads, rows), peak])


def _memory(networks: dict) -> str | None:
    rows = [
        [name, str(row["peak_batch"]), *(f"{row['peak_mb'][kind]:.0f}" for kind in row["peak_mb"])]
        for name, row in networks.items()
        if "peak_mb" in row
    ]
    if not rows:
        return None
    kinds = next(row["peak_mb"] for row in networks.values() if "peak_mb" in row)
    text = (
        "MB that a process holds at most, resident (VmHWM), which loads the contender alone and answers one batch.\n"
        "The libraries are in it; ONNX Runtime's process does without torch."
    )
    return "\n\n".join(["## Peak memory", text, markdown_table(["backbone", "batch", *map(_LABELS.get, kinds)], rows)])


def _profiles(report: dict) -> str | None:
    """Why bounds are missed: the profiles that the run made of just these."""
    sections = []
    for name, row in report.get("networks", {}).items():
        for key, operators in row.get("profiles", {}).items():
            sections.append(f"**{name}, {key}**\n\n" + _operators(operators))
    training = report.get("training") or {}
    for name, row in training.get("sizes", {}).items():
        if "step" in row:
            sections.append(f"**training, a step of {name} size**\n\n" + _operators(row["step"]))
    if "data" in training:
        sections.append("**training, a batch loaded and augmented on one core**\n\n" + _operators(training["data"]))
    if not sections:
        return None
    text = (
        "Of every bound that is missed, the operators that take most (of two contenders: most more than in the\n"
        "other), in milliseconds of a batch: torch.profiler's own times for torch, the kernels' for ONNX Runtime. A\n"
        "profiler slows short operators down."
    )
    return "\n\n".join(["## Where a bound is missed", text, *sections])


def _operators(operators: list[dict]) -> str:
    runs = list(operators[0]["milliseconds"])
    rows = [[f"`{row['operator']}`", *(f"{row['milliseconds'][run]:.2f}" for run in runs)] for row in operators]
    return markdown_table(["operator", *(f"{_LABELS[run]}, ms" for run in runs)], rows)


_LABELS = {
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


def _batches(networks: dict) -> list[str]:
    return list(dict.fromkeys(batch for row in networks.values() for batch in row["seconds"]))


def _ratio(times: dict[str, list[float]], contender: str, reference: str, bold: bool = False) -> str:
    if contender not in times:
        return EMPTY
    median, low, high = (f"{value:.2f}" for value in ratio(times, contender, reference))
    return f"{f'**{median}**' if bold else median} ({low} to {high})"


def _milliseconds(seconds: list[float] | None, batch: int) -> str:
    return EMPTY if seconds is None else f"{1000 * statistics.median(seconds) / batch:.1f}"
