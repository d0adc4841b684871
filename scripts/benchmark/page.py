"""docs/benchmark.md from results/benchmark.json."""

from ..markdown import markdown_table
from . import sections
from .cells import EMPTY, LABELS, ratio_cell, time_cell
from .ratios import BOUNDS, TRAINING_BOUND, missed, ratio

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
        sections.pipelines(report.get("pipelines")),
        sections.keras(report.get("keras")),
        sections.int8(report.get("int8")),
        sections.training(report.get("training")),
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
            label = f"{LABELS[contender]} / {LABELS[reference]}, batch {batch}"
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
        ratios = [ratio_cell(seconds, *pair, bold=(*pair, batch) in misses) for pair in columns]
        height, width = row["image_size"]
        label = f"{name} ({row['backbone']})" if name != row["backbone"] else name
        milliseconds = [time_cell(seconds.get(contender), int(batch)) for contender in times]
        difference = [f"{row['logits_difference']:.0e}"] if "onnx" in times else []
        rows.append([label, f"{height}x{width}", *ratios, *milliseconds, *difference])
    heads = [f"{LABELS[contender]} / {LABELS[reference]}" for contender, reference in columns]
    difference = ["Δ"] if "onnx" in times else []
    return markdown_table(["backbone", "input", *heads, *(f"{LABELS[t]}, ms" for t in times), *difference], rows)


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
    return "\n\n".join(["## Peak memory", text, markdown_table(["backbone", "batch", *map(LABELS.get, kinds)], rows)])


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
    return markdown_table(["operator", *(f"{LABELS[run]}, ms" for run in runs)], rows)


def _batches(networks: dict) -> list[str]:
    return list(dict.fromkeys(batch for row in networks.values() for batch in row["seconds"]))
