"""The model card: README.md of a checkpoint, rendered from its metrics.json and config.json and from nothing else."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import jinja2
from huggingface_hub import EvalResult, ModelCardData

from ..checkpoints.history import refuse_stale, runs_in_order
from ..checkpoints.hub import HubError
from ..checkpoints.layout import CONFIG_FILE, EMBEDDED, EMBEDDED_CHECKPOINT, METRICS_FILE, TRAINING_FILE, folder_name
from ..checkpoints.save import write_json, write_whole
from ..model.backbone_table import BACKBONES
from ..model.labels import CLASSES, DIAGNOSES, malignant_classes, shown_classes
from .formatting import cell, code, number, of_100, percent, plain

TEMPLATE = Path(__file__).with_name("card_template.md")
LICENSE = "cc-by-nc-4.0"  # HAM10000's, which binds what is derived from it
HEADLINES = {  # metrics.json -> the Hub's metric type, and a name for people
    "bma": ("balanced_accuracy", "Balanced multiclass accuracy (BMA)"),
    "auc_macro": ("roc_auc", "AUC, macro average, one against the rest"),
    "accuracy": ("accuracy", "Accuracy"),
}
SPLITS = {
    "lesion": "grouped by lesion: no lesion of it was seen in training",
    "paper": "by picture, as in the paper",
    "all": "the whole data set",
}


def render_card(metrics: dict, config: dict, name: str) -> str:
    """The text of the card.

    Args:
        metrics: metrics.json; any part of it may be missing or None, and an empty one is said to be missing.
        config: config.json.
        name: the repository that a reader loads, or the checkpoint's name.

    Raises:
        HubError: something else stands where there should be a group of metrics.
    """
    try:
        return _render(plain(metrics), plain(config), name)
    except (AttributeError, TypeError, ValueError, jinja2.UndefinedError) as error:
        raise HubError(
            f"{METRICS_FILE} or {CONFIG_FILE} of {name} is not as hfskin writes it ({error}); write it again with "
            "`hfskin evaluate`"
        ) from error


def _render(metrics: dict, config: dict, name: str) -> str:
    history, labels = runs_in_order(metrics.get("training")), _labels(config)
    classes = shown_classes(labels)
    return _template().render(
        yaml=card_data(metrics, config, name).to_yaml(),
        name=name,
        source=_source(name),
        metrics=metrics,
        config=config,
        base_models=base_models(metrics),
        split=_split_name(metrics),
        split_is=SPLITS.get(metrics.get("data", {}).get("split"), "not one of hfskin"),
        classes=classes,
        diagnoses={name: DIAGNOSES.get(name, name) for name in classes},
        malignant=malignant_classes(labels),
        own_task=classes != CLASSES,
        is_hams=is_hams(metrics, config),
        history=history,
        commands=_commands(history),
        headlines={key: label for key, (_, label) in HEADLINES.items()},
    )


def _labels(config: Mapping) -> SimpleNamespace:
    """What config.json says of the classes; without a word, they are the seven."""
    names = config.get("id2label") or dict(enumerate(CLASSES))
    return SimpleNamespace(
        id2label={int(i): name for i, name in names.items()}, malignant_labels=config.get("malignant_labels")
    )


def _commands(history: Sequence[Mapping]) -> list[str]:
    """Each once, in the order in which they were run; an average counts the run that the others went on from too, an
    ensemble all its members."""
    runs = [one for run in history for one in (run, *(run.get("averaged") or ()), *(run.get("partners") or ()))]
    return list(dict.fromkeys(run["command"] for run in runs if run.get("command")))


def write_card(checkpoint: str | Path, folder: str | Path) -> Path:
    """Write `<checkpoint's name>.md` to `folder`, and beside it what it was rendered from, for comparison.

    Raises:
        HubError: the checkpoint lacks metrics.json or config.json, or one is not JSON.
    """
    checkpoint, folder = Path(checkpoint), Path(folder)
    metrics, config = read_metrics(checkpoint), _read(checkpoint / CONFIG_FILE)
    name = folder_name(checkpoint)
    text = render_card(metrics, config, name)
    folder.mkdir(parents=True, exist_ok=True)
    for file, facts in ((METRICS_FILE, metrics), (CONFIG_FILE, config)):
        write_json(folder / f"{name}.{file}", facts)
    card = folder / f"{name}.md"
    write_whole(card, text)
    return card


def read_metrics(checkpoint: Path) -> dict:
    """A checkpoint's metrics.json, with the facts of its training run where that has not taken them in.

    Raises:
        HubError: there is none, or it is not JSON.
        StaleMetricsError: it measured other weights or another calibration.
    """
    metrics = _read(checkpoint / METRICS_FILE)
    refuse_stale(checkpoint, metrics)
    if "training" not in metrics and (checkpoint / TRAINING_FILE).is_file():
        metrics["training"] = _read(checkpoint / TRAINING_FILE)
    return metrics


def card_data(metrics: dict, config: dict, name: str) -> ModelCardData:
    """What the Hub itself reads of the card; every result names its split."""
    data = metrics.get("data", {})
    return ModelCardData(
        license=LICENSE if is_hams(metrics, config) else None,
        library_name="transformers",
        pipeline_tag="image-classification",
        base_model=base_models(metrics) or None,
        # The Hub takes the names of its own data sets alone, which the published folder of HAM10000 is not.
        datasets=[data["name"]] if "/" in data.get("name", "") and data.get("split") != "all" else None,
        metrics=[kind for kind, _ in HEADLINES.values()],
        tags=[
            "hfskin",
            "medical",
            "dermatology",
            "dermatoscopy",
            "skin-lesion",
            "soft-attention",
            "not-a-medical-device",
        ],
        model_name=name,
        eval_results=eval_results(metrics) or None,
    )


def eval_results(metrics: dict) -> list[EvalResult]:
    """The Hub's model-index: the headline numbers, with the patients' metadata as the data set knows them."""
    measured = metrics.get("results", {}).get("with_metadata", {}).get("metrics", {})
    data = metrics.get("data", {})
    results = []
    for key, (kind, label) in HEADLINES.items():
        value = measured.get(key)
        value = value.get("value") if isinstance(value, dict) else value
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        split, part = data.get("split", "unknown"), data.get("part", "unknown")
        leaks = ", LEAKS lesions" if data.get("leaks") else ""
        dataset = f"{data.get('name', 'HAM10000')} (split {split!r}, part {part!r}{leaks})"
        results.append(
            EvalResult(
                task_type="image-classification",
                dataset_type=data.get("name", "HAM10000"),
                dataset_name=dataset,
                dataset_config=split,
                dataset_split=part,
                metric_type=kind,
                metric_name=label,
                metric_value=round(value, 4),
            )
        )
    return results


def is_hams(metrics: dict, config: dict) -> bool:
    """Whether HAM10000 or weights that were trained on it went into a checkpoint, and with them its licence."""
    return shown_classes(_labels(config)) == CLASSES or bool(metrics.get("training", {}).get("before"))


def base_models(metrics: dict) -> list[str]:
    """The timm models whose weights the backbones started from, the first network's first; none that is not known."""
    training = metrics.get("training", {})
    found = []
    for run in (training, *training.get("partners", ())):
        backbone = BACKBONES.get(run.get("backbone"))
        if backbone is not None and backbone.pretrained_tag is not None and run.get("backbone_weights"):
            found.append(f"timm/{backbone.timm_id}.{backbone.pretrained_tag}")
    return found


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        undefined=jinja2.ChainableUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {"number": number, "percent": percent, "of_100": of_100, "cell": cell, "code": code}
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))


def _source(name: str) -> str:
    """What a reader gives to `hfskin.load`: an embedded checkpoint's name, or none, else the repository or a folder."""
    if name in EMBEDDED:
        return "" if EMBEDDED[name] == EMBEDDED_CHECKPOINT else f'"{name}"'
    return f'"{code(name)}"' if "/" in name else f'"path/to/{code(name)}"'


def _split_name(metrics: dict) -> str:
    data = metrics.get("data", {})
    return f"split `{cell(data.get('split'))}`, part `{cell(data.get('part'))}`"


def _read(path: Path) -> dict:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(facts, dict) or not isinstance(facts.get("results", {}), dict):
            raise ValueError("its parts are not named")
        return facts
    except FileNotFoundError:
        remedy = "; `hfskin evaluate` writes it" if path.name == METRICS_FILE else ""
        raise HubError(f"{path.parent} has no {path.name}, and the card is rendered from it{remedy}") from None
    except ValueError as error:
        raise HubError(f"{path} is not the JSON that belongs there ({error}); write it again") from None
