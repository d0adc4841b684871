"""The paper's Tables 4 to 9 beside ours, as Markdown: ours come from results/paper/*/metrics.json and timing.json."""

from collections.abc import Callable
from pathlib import Path

from hfskin.model.labels import CLASSES

from ..markdown import markdown_table
from .complexity import PAPER_TABLE3
from .numbers import TABLE4, TABLE5, TABLE6, TABLE7, TABLE8, TABLE8_METRICS, TABLE9
from .runs import NOT_RUN_YET, describe, experiment_of, how_made, loss_weights, metrics_of, row_of
from .timing import REFERENCE

EMPTY = "–"

INTRODUCTION = """\
# The paper's Tables 4 to 9 beside ours

Rendered by `python -m scripts.paper --render` from `results/paper/*/metrics.json` and `timing.json` there; do
not edit. A cell is **paper / ours**; intervals are 95 % (bootstrap over lesions). Not a medical device.

{by_the_papers_recipe} The rest of ours was trained by other recipes. The last column says how each was made, and
training.json beside its metrics holds its command and the log of its epochs.

The paper trained for at most 150 epochs at each backbone's own input size, on 600x450 pictures, from Keras' ImageNet
weights. The paper's numbers are as printed, from its own random split of the same kind: a difference of a point or two
says little.
"""
DECISIONS = Path(__file__).with_name("decisions.md")
LEAK = (
    "Split: `paper` (90/10 by picture, rows without an age dropped), validation part{pictures}. **It leaks**: pictures "
    "of one lesion stand on both sides{lesions}, and the same part chose the checkpoint. Not a measure of what to "
    "expect on new patients."
)


def render(runs: list[dict], timing: dict | None) -> str:
    """The whole page as Markdown.

    Raises:
        ValueError: a run is of another split than the paper's.
    """
    for run in runs:
        if run["data"]["split"] != "paper":
            raise ValueError(f"a run of the split {run['data']['split']!r} does not belong beside the paper's tables")
    accuracy = ["accuracy"]
    sections = [
        INTRODUCTION.format(by_the_papers_recipe=_by_the_papers_recipe(runs)),
        DECISIONS.read_text(encoding="utf-8"),
        "## Table 4. Accuracy, augmented pictures, no metadata, no class weights",
        _table(runs, {(name, "augmented"): (value,) for name, value in TABLE4.items()}, accuracy, _accuracy),
        "## Table 5. Accuracy, metadata and weighted loss",
        _table(runs, {(name, "metadata"): (value,) for name, value in TABLE5.items()}, accuracy, _accuracy),
        "## Table 6. F1 score of every class",
        _table(runs, TABLE6, [*CLASSES, "mean"], _by_class("f1")),
        "## Table 7. Recall of every class",
        _table(runs, TABLE7, [*CLASSES, "mean"], _by_class("sensitivity")),
        "The paper's row of MobileNetV3-Large repeats its F1 scores of Table 6.",
        "## Table 8. The mobile backbones",
        _table(runs, {(name, "metadata"): row for name, row in TABLE8.items()}, [*TABLE8_METRICS], _table8_cells),
        "All but accuracy are means over the classes; a class's balanced accuracy is (sensitivity + specificity) / 2.",
        "## Table 9. Size, accuracy and time of a prediction",
        _table9(runs, timing),
        "## Loss weights: none, inverse share, new formula",
        _loss_weights(runs),
    ]
    return "\n\n".join(section.strip() for section in sections) + "\n"


def _by_the_papers_recipe(runs: list[dict]) -> str:
    mine = {
        run["model"]["backbone"]: run["training"]
        for run in runs
        if run["training"]["recipe_name"] == "paper" and run["model"]["backbone"] in PAPER_TABLE3
    }
    epochs = ", ".join(f"{name} {training['epochs_done']:g}" for name, training in sorted(mine.items()))
    which = f" (epochs: {epochs})" if mine else ""
    said = f"**{len(mine)} of {len(PAPER_TABLE3)} backbones ran by the paper's own recipe**{which}."
    if not all(training["finished"] for training in mine.values()):
        said += " Those that were cut off, by the hours of a shared CPU, show how the recipe begins, not where it ends."
    return said


def _table(
    runs: list[dict], paper: dict[tuple[str, str], tuple], columns: list[str], ours: Callable[[dict], list]
) -> str:
    """A row for every run of the paper's rows (or one that says why there is none), then what the paper lacks."""
    conditions = sorted({condition for _, condition in paper})
    extra = sorted({row_of(run) for run in runs if row_of(run)[1] in conditions} - set(paper))
    lines = []
    for key in [*paper, *extra]:
        printed = [_two_digits(value) for value in paper.get(key, [None] * len(columns))]
        for run in [run for run in runs if row_of(run) == key] or [None]:
            values = ours(run) if run else [EMPTY] * len(columns)
            cells = [f"{theirs} / {value}" for theirs, value in zip(printed, values, strict=True)]
            name = key[0] if len(conditions) == 1 else ", ".join(key)
            lines.append([name, *cells, how_made(run, key[0])])
    return split_note(runs, conditions) + "\n\n" + markdown_table(["backbone", *columns, "how ours was made"], lines)


def split_note(runs: list[dict], conditions: list[str]) -> str:
    """That the split leaks, with the numbers of the runs where there are any."""
    counts = {(run["data"]["images"], run["data"]["leaking_lesions"]) for run in runs if row_of(run)[1] in conditions}
    pictures = " or ".join(str(images) for images, _ in sorted(counts))
    lesions = " or ".join(str(leaking) for _, leaking in sorted(counts))
    return LEAK.format(
        pictures=f" ({pictures} pictures)" if counts else "", lesions=f" ({lesions} lesions in ours)" if counts else ""
    )


def _table9(runs: list[dict], timing: dict | None) -> str:
    times = timing["backbones"] if timing else {}
    ran = {backbone for backbone, condition in map(row_of, runs) if condition == "metadata"}
    lines = []
    for name in dict.fromkeys([*TABLE9, *times, *sorted(ran)]):
        for run in [run for run in runs if row_of(run) == (name, "metadata")] or [None]:
            accuracy = f"{_two_digits(TABLE9.get(name, [None])[0])} / {_accuracy(run)[0] if run else EMPTY}"
            size, time = _size_cells(name, times.get(name)), _time_cells(name, times.get(name))
            lines.append([name, *size, accuracy, *time, how_made(run, name)])
    columns = [
        "backbone",
        "parameters, M",
        "layers",
        "accuracy",
        "time, batch 1",
        "batch 32",
        "ms, batch 1",
        "batch 32",
    ]
    how = "Ours: not measured yet."
    if timing:
        how = (
            f"Ours: whole models with random weights and the paper's head, float32, at each backbone's own input size, "
            f"all in one run on {timing['device']}, {timing['threads']} threads, torch {timing['torch']}."
        )
    explanation = (
        f"Time is that of a picture as a ratio to {REFERENCE}; the paper's comes from its "
        f"{', '.join(str(seconds) for _, seconds in TABLE9.values())} s. Milliseconds a picture are ours alone. {how}"
    )
    return "\n\n".join(
        [split_note(runs, ["metadata"]), markdown_table([*columns, "how ours was made"], lines), explanation]
    )


def _size_cells(name: str, measured: dict | None) -> list[str]:
    _, parameters, layers = PAPER_TABLE3[name] if name in TABLE9 else (None, EMPTY, EMPTY)
    ours = (f"{measured['parameters'] / 1e6:.1f}", str(measured["layers"])) if measured else (EMPTY, EMPTY)
    return [f"{parameters} / {ours[0]}", f"{layers} / {ours[1]}"]


def _time_cells(name: str, measured: dict | None) -> list[str]:
    paper = f"{TABLE9[name][1] / TABLE9[REFERENCE][1]:.1f}" if name in TABLE9 else EMPTY
    if measured is None:
        return [f"{paper} / {EMPTY}"] * 2 + [EMPTY] * 2
    ratios = [f"{paper} / {ratio:.1f}" for ratio in measured["ratio"].values()]
    return [*ratios, *(f"{ms:.2f}" for ms in measured["ms_per_picture"].values())]


def _loss_weights(runs: list[dict]) -> str:
    """Ours alone: what ran with another weighting than the recipe's, beside the same with the recipe's."""
    introduction = "The paper says what its weights do and prints no table of it. Ours alone:"
    conditions = ["inverse_share", "metadata", "unweighted"]
    compared = {experiment_of(run) for run in runs if row_of(run)[1] in ("unweighted", "inverse_share")}
    lines = []
    for run in sorted(
        (run for run in runs if experiment_of(run) in compared and row_of(run)[1] in conditions), key=experiment_of
    ):
        metrics = metrics_of(run)
        melanoma = metrics["per_class"]["mel"]["sensitivity"]
        values = (metrics["accuracy"], metrics["bma"], metrics["macro"]["f1"], melanoma)
        weights = loss_weights(run["training"]["recipe"])
        lines.append([run["model"]["backbone"], weights, *map(_with_interval, values), describe(run)])
    columns = ["backbone", "loss weights", "accuracy", "mean recall", "mean F1", "mel recall", "how ours was made"]
    table = markdown_table(columns, lines) if lines else f"{NOT_RUN_YET.capitalize()}."
    return "\n\n".join([introduction, split_note(runs, conditions), table])


def _accuracy(run: dict) -> list[str]:
    return [_with_interval(metrics_of(run)["accuracy"])]


def _by_class(rate: str) -> Callable[[dict], list[str]]:
    def cells(run: dict) -> list[str]:
        metrics = metrics_of(run)
        classes = [_two_digits(metrics["per_class"][name][rate]["value"]) for name in CLASSES]
        return [*classes, _with_interval(metrics["macro"][rate])]

    return cells


def _table8_cells(run: dict) -> list[str]:
    cells = []
    for path in TABLE8_METRICS.values():
        value = metrics_of(run)
        for key in path:
            value = value[key]
        cells.append(_two_digits(value["value"]))
    return cells


def _with_interval(value: dict) -> str:
    if value["low"] is None:
        return _two_digits(value["value"])
    return f"{value['value']:.2f} ({value['low']:.2f} to {value['high']:.2f})"


def _two_digits(value: float | None) -> str:
    return EMPTY if value is None else f"{value:.2f}"
