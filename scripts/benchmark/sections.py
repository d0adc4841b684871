"""Sections of docs/benchmark.md: pipelines, the paper's stack, 8 bits, training. None of what was not measured."""

import statistics

from ..markdown import markdown_table
from .cells import LABELS, ratio_cell, time_cell, with_interval
from .ratios import INT8_LOSS, TRAINING_BOUND, int8_is_worth_it, ratio

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


def pipelines(measured: dict | None) -> str | None:
    if not measured:
        return None
    rows = [
        [LABELS[name], *(ratio_cell(times, name, "hfskin_torch") for times in measured["seconds"].values()),
         *(time_cell(times.get(name), int(batch)) for batch, times in measured["seconds"].items())]
        for name in next(iter(measured["seconds"].values()))
    ]  # fmt: skip
    heads = [f"batch {batch}" for batch in measured["seconds"]]
    table = markdown_table(["pipeline", *heads, *(f"{head}, ms" for head in heads)], rows)
    return "## Pipelines\n\n" + PIPELINES.format(vit=measured["vit_side"]) + "\n" + table


def keras(measured: dict | None) -> str | None:
    if not measured:
        return None
    if "absent" in measured:
        return f"## The paper's stack\n\nNot measured: {measured['absent']}."
    rows = []
    for batch, seconds in measured["seconds"].items():
        for name in seconds:
            time = time_cell(seconds[name], int(batch))
            rows.append([LABELS[name], batch, ratio_cell(seconds, name, "eager"), time])
    text = KERAS.format(**measured["versions"])
    table = markdown_table(["network", "batch", "ratio", "ms"], rows)
    peak = f"Peak memory of the Keras process: {measured['peak_mb']:.0f} MB."
    return "\n\n".join(["## The paper's stack", text.strip(), table, peak])


def int8(measured: dict | None) -> str | None:
    if not measured:
        return None
    times = [
        [batch, ratio_cell(seconds, "int8", "onnx"), *(time_cell(seconds[k], int(batch)) for k in ("onnx", "int8"))]
        for batch, seconds in measured["seconds"].items()
    ]
    parts = [
        [part, str(row["n"]), with_interval(row["bma"], ""), with_interval(row["difference"], "+")]
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


def training(measured: dict | None) -> str | None:
    if not measured:
        return None
    rows = []
    for name, row in measured["sizes"].items():
        height, width = row["image_size"]
        seconds = row["seconds"]
        bold = ratio(seconds, "real", "memory")[0] > TRAINING_BOUND
        speeds = [f"{measured['batch'] / statistics.median(seconds[kind]):.1f}" for kind in ("real", "memory")]
        waiting = f"{100 * statistics.median(row['waiting']):.0f} %"
        rows.append([f"{name}, {height}x{width}", ratio_cell(seconds, "real", "memory", bold), *speeds, waiting])
    rounds = len(next(iter(measured["sizes"].values()))["waiting"])
    text = TRAINING.format(**measured, rounds=rounds, bound=f"{TRAINING_BOUND:.2f}")
    heads = ["size", "real / in memory", "real, images/s", "in memory, images/s", "waiting for data"]
    draw = 1000 * statistics.median(measured["draw_seconds"])
    peak = (
        f"To load and augment a picture takes {draw:.1f} ms of one core: where no core is free for it, the step gives\n"
        f"them. Peak memory of the training process, its workers not counted: {measured['peak_mb']:.0f} MB."
    )
    return "\n\n".join(["## Training", text.strip(), markdown_table(heads, rows), peak])
