"""What the runs of results/paper say of themselves: each is a folder with metrics.json and training.json."""

import json
from pathlib import Path

from hfskin.model.labels import CLASSES

# Why a cell of ours is empty, where it is not just that nobody has run it yet.
_NEEDS_GPU = (
    "resnet50", "resnet152", "densenet201", "inception_resnet_v2", "nasnet_mobile", "nasnet_large", "vgg16",
    "legacy_senet154",
)  # fmt: skip
NOT_RUN = dict.fromkeys(_NEEDS_GPU, "not run: days on two cores, and no pretrained weights were at hand")
NOT_RUN["mobilenet_v3_large"] = "not run: no pretrained weights were at hand"
NOT_RUN["nasnet_mobile"] = "not run: timm has no pretrained weights of it (model/backbone_table.py names some that fit)"
NOT_RUN_YET = "not run: no hours were left for it on two cores"


def load_runs(folder: Path) -> list[dict]:
    """The metrics.json of every run below `folder`, in the order of their names."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*/metrics.json"))]


def load_timing(folder: Path) -> dict | None:
    """What `time_backbones` measured, None where it has not run."""
    path = folder / "timing.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def describe(run: dict) -> str:
    """How a run was made, in one line: recipe, resolution, initial weights, epochs, loss weights, device."""
    training, recipe = run["training"], run["training"]["recipe"]
    height, width = run["model"]["image_size"]
    source = "x".join(map(str, training["picture_size"]))
    first = training.get("before") or training
    weights = first["backbone_weights"] or "random initial weights"
    parts = [
        f"{training['recipe_name']} recipe",
        f"{width}x{height} from {source}",
        {"timm": "timm's ImageNet weights"}.get(weights, weights),
        f"{training['epochs_done']:g} of {recipe['epochs']} epochs" + ("" if training["finished"] else ", cut off"),
        f"after {training['before']['epochs_done']:g} epochs with augmentation" if training.get("before") else "",
        f"loss weights: {loss_weights(recipe)}",
        "metadata" if recipe["metadata_hidden"] else "no metadata",
        "augmented" if recipe["augment"] else "not augmented",
        f"{training['n_copies']} pictures with a second copy" if training["n_copies"] else "",
        training["device"],
    ]
    return "; ".join(part for part in parts if part)


def loss_weights(recipe: dict) -> str:
    """The formula of the class weights in words, N pictures, N_c of a class, C classes."""
    power, mean = recipe["weight_power"], recipe["weight_mean"]
    known = {(0, 1): "none", (1, 1): "N/(C·N_c)", (1, len(CLASSES)): "N/N_c"}
    words = known.get((power, mean), f"(N/(C·N_c))^{power:g}, mean {mean:g}")
    melanoma = recipe.get("melanoma_weight", 1)  # older runs lack it
    return words if melanoma == 1 else f"{words}, melanoma's times {melanoma:g}"


def metrics_of(run: dict) -> dict:
    """The metrics of a run with what it was given: metadata where it has the branch."""
    return run["results"]["with_metadata"]["metrics"]


def row_of(run: dict) -> tuple[str, str]:
    """Backbone and condition: the row of the paper's that a run belongs to."""
    return run["model"]["backbone"], run["training"]["condition"]


def experiment_of(run: dict) -> tuple:
    """Runs that differ in the condition alone."""
    training = run["training"]
    size = tuple(run["model"]["image_size"])
    return run["model"]["backbone"], training["recipe_name"], size, training["recipe"]["epochs"], training["seed"]


def how_made(run: dict | None, backbone: str) -> str:
    """How a run was made; of none, why."""
    return NOT_RUN.get(backbone, NOT_RUN_YET) if run is None else describe(run)
