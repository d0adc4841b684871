"""From a checkpoint folder to its network and processor, of which nothing is believed before it was checked.

transformers acts on many more keys of a config.json than ours, and fills weights that are missing with random ones.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers.initialization import no_init_weights

from ..model.backbones import BACKBONES
from ..model.configuration_hfskin import ARCHITECTURE, HfskinConfig
from ..model.image_processing_hfskin import HfskinImageProcessor
from ..model.modeling_hfskin import HfskinForImageClassification
from .hub import HubError
from .layout import CONFIG_FILE, PROCESSOR_FILE, WEIGHTS_FILE, read_settings

SIDES = (16, 2048)  # pixels of the network's input
MAX_PARTNERS = 16

Possible = Callable[[Any], bool]
Check = tuple[Possible, str]  # and what a value must be, in words


def load_checkpoint(folder: Path, source: str) -> tuple[HfskinForImageClassification, HfskinImageProcessor]:
    """Network (float32, in evaluation mode) and processor of a complete folder (see `checkpoint_folder`).

    Args:
        source: what to call the checkpoint in messages.

    Raises:
        HubError: a setting that is not possible, or weights that do not fit the settings or hold no numbers.
        JSONDecodeError, SafetensorError: a file is cut off; for [`hub_errors`].
    """
    try:
        config = _read_config(folder / CONFIG_FILE)
        network = _read_network(folder / WEIGHTS_FILE, config)
        processor = _checked(HfskinImageProcessor, _PREPROCESSING, folder / PROCESSOR_FILE)
    except json.JSONDecodeError:
        raise
    except ValueError as error:
        raise HubError(f"{source}: {' '.join(str(error).split())[:400]}") from None
    network.config.name_or_path = str(folder)
    return network.eval(), processor


def uncalibrated_config(folder: Path) -> HfskinConfig:
    """A checkpoint's configuration without what calibration had set: its model then has no gate."""
    config = HfskinConfig.from_pretrained(folder)
    config.temperature, config.gate_components = 1.0, 0
    for name in ("malignant_threshold", "malignant_sensitivity", "conformal_threshold", "conformal_coverage",
                 "gate_threshold"):  # fmt: skip
        setattr(config, name, None)
    return config


def uncalibrated_model(folder: Path) -> HfskinForImageClassification:
    """A checkpoint's networks in float32, without what calibration had set."""
    return HfskinForImageClassification.from_pretrained(folder, config=uncalibrated_config(folder), dtype=torch.float32)


def _read_config(path: Path) -> HfskinConfig:
    if (found := read_settings(path).get("model_type")) != HfskinConfig.model_type:
        raise ValueError(f"its config.json is of a {_shown(found)} model, not of hfskin; check the name")
    return _checked(HfskinConfig, _SETTINGS, path)


def _read_network(path: Path, config: HfskinConfig) -> HfskinForImageClassification:
    try:
        with no_init_weights(), torch.device("meta"):
            network = HfskinForImageClassification(config)
    except RuntimeError as error:
        raise ValueError(f"its config.json makes no network ({error})") from None
    expected, weights = network.state_dict(), load_file(path)
    wrong = [name for name in expected.keys() | weights.keys() if _shape(expected, name) != _shape(weights, name)]
    if wrong:
        raise ValueError(
            f"{path.name} does not fit config.json: {len(wrong)} weights differ, such as {min(wrong)[:100]!r}; copy "
            "both from the same checkpoint"
        )
    for name, weight in weights.items():
        if not weight.isfinite().all():
            raise ValueError(f"{name} in {path.name} holds something else than numbers; copy it again")
        weights[name] = weight.to(expected[name].dtype)
    network.load_state_dict(weights, assign=True)
    return network


def _shape(weights: dict[str, torch.Tensor], name: str) -> tuple | None:
    return (weights[name].is_floating_point(), *weights[name].shape) if name in weights else None


def _checked(kind: type, checks: dict[str, Check], path: Path):
    """An object of the settings in a file that have a check, all of which must pass."""
    values = read_settings(path)
    chosen = {name: values[name] for name in checks if name in values}
    for name, value in chosen.items():
        possible, wanted = checks[name]
        if not possible(value):
            raise ValueError(f"{name} in its {path.name} is {_shown(value)}; it must be {wanted}")
    return kind(**chosen)


def _shown(value) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _number(low: float, high: float) -> Possible:
    def possible(value) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high

    return possible


def _whole(low: int, high: int) -> Possible:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _one_of(*choices) -> Possible:
    return lambda value: isinstance(value, str | bool) and value in choices


def _optional(check: Check) -> Check:
    possible, wanted = check
    return lambda value: value is None or possible(value), f"{wanted}, or null"


def _side(value) -> bool:
    return _whole(*SIDES)(value)


def _image_size(value) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_side, value))


def _size(value) -> bool:
    return isinstance(value, dict) and value.keys() == {"height", "width"} and all(map(_side, value.values()))


def _channels(low: float, high: float) -> Possible:
    possible = _number(low, high)
    return lambda value: isinstance(value, list) and len(value) == 3 and all(map(possible, value))


def _backbone_kwargs(value) -> bool:
    """`create_backbone` looks at the names."""
    return isinstance(value, dict) and all(isinstance(v, str) or _number(0, 1)(v) for v in value.values())


def _partners(value) -> bool:
    """Each the architecture of a network, whose settings are those of the model's own."""
    return isinstance(value, list) and len(value) <= MAX_PARTNERS and all(map(_architecture, value))


def _architecture(value) -> bool:
    if not isinstance(value, dict) or "backbone" not in value:
        return False
    return all(name in ARCHITECTURE and _SETTINGS[name][0](setting) for name, setting in value.items())


_SHARE = _number(0, 1), "a number from 0 to 1"
_SWITCH = _one_of(True, False), "true or false"
_SIDE_WORDS = f"of {SIDES[0]} to {SIDES[1]} pixels each"
_SETTINGS = {
    "backbone": (_one_of(*BACKBONES), f"one of {', '.join(BACKBONES)}"),
    "backbone_cut": (_one_of("paper", "full", "block8"), '"paper", "full" or "block8"'),
    "backbone_kwargs": _optional((_backbone_kwargs, "the padding and eps of a backbone")),
    "image_size": (_image_size, f"[height, width] {_SIDE_WORDS}"),
    "attention_maps": (_whole(0, 1024), "a whole number from 0 to 1024"),
    "attention_gamma": (_number(-1e3, 1e3), "a number from -1000 to 1000"),
    "pooling": (_one_of("flatten", "avg"), '"flatten" or "avg"'),
    "metadata_hidden": (_whole(0, 65536), "a whole number from 0 to 65536"),
    "dropout": _SHARE,
    "drop_path_rate": _SHARE,
    "partners": (_partners, f"a list of at most {MAX_PARTNERS} networks' settings"),
    "temperature": (_number(1e-3, 1e3), "a number from 0.001 to 1000"),
    "malignant_threshold": _optional(_SHARE),
    "malignant_sensitivity": _optional(_SHARE),
    "conformal_threshold": _optional(_SHARE),
    "conformal_coverage": _optional(_SHARE),
    "gate_components": (_whole(0, 8192), "a whole number from 0 to 8192"),
    "gate_threshold": _optional((_number(-1e30, 1e30), "a number")),
}
_PREPROCESSING = {
    "size": (_size, f"a height and a width {_SIDE_WORDS}"),
    "resample": (_whole(0, 5), "a filter of Pillow, 0 to 5"),
    "rescale_factor": (_number(1e-9, 1e3), "a positive number"),
    "image_mean": (_channels(-1e3, 1e3), "three numbers"),
    "image_std": (_channels(1e-6, 1e3), "three positive numbers"),
    "colour_reference": _optional((_channels(0, 1), "three numbers from 0 to 1")),
    "do_rescale": _SWITCH,
    "do_normalize": _SWITCH,
}
