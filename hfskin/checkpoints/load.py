"""From a checkpoint folder to its network and processor, of which nothing is believed before it was checked.

transformers acts on many more keys of a config.json than ours, and fills weights that are missing with random ones.
"""

import json
import logging
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from transformers.initialization import no_init_weights

from ..model.configuration_hfskin import HfskinConfig
from ..model.image_processing_hfskin import HfskinImageProcessor
from ..model.modeling_hfskin import HfskinForImageClassification
from .hub import HubError
from .layout import CONFIG_FILE, OLD_GATE_UNUSED, PROCESSOR_FILE, WEIGHTS_FILE, read_settings
from .settings import PREPROCESSING, SETTINGS, checked, shown

logger = logging.getLogger("hfskin")

OLD_GATE = {"gate.mean", "gate.basis", "gate.spread", "gate.residual_spread"}  # the weights of one that is no more
MAX_PARAMETERS = 250_000_000  # of all networks together: 1 GB in float32
MAX_BYTES = 8 * MAX_PARAMETERS  # of the weights' file
# What safetensors calls the types that a weight may be stored in. Eight bits and less are no weights of ours.
FLOATS = ("F64", "F32", "F16", "BF16")
COUNTS = ("I64", "I32")


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
        settings = read_settings(folder / PROCESSOR_FILE)
        processor = HfskinImageProcessor(**checked(settings, PREPROCESSING, PROCESSOR_FILE))
    except json.JSONDecodeError:
        raise
    except ValueError as error:
        raise HubError(f"{source}: {' '.join(str(error).split())[:400]}") from None
    network.config.name_or_path = str(folder)
    return network.eval(), processor


def uncalibrated_config(folder: Path, **changes) -> HfskinConfig:
    """A checkpoint's configuration without what calibration had set: its model then has no gate."""
    config = HfskinConfig.from_pretrained(folder, **changes)
    config.forget_calibration()
    return config


def uncalibrated_model(folder: Path) -> HfskinForImageClassification:
    """A checkpoint's networks in float32, without what calibration had set."""
    return HfskinForImageClassification.from_pretrained(folder, config=uncalibrated_config(folder), dtype=torch.float32)


def _read_config(path: Path) -> HfskinConfig:
    values = read_settings(path)
    if (found := values.get("model_type")) != HfskinConfig.model_type:
        raise ValueError(f"its config.json is of a {shown(found)} model, not of hfskin; check the name")
    return HfskinConfig(**checked(values, SETTINGS, path.name))


def _read_network(path: Path, config: HfskinConfig) -> HfskinForImageClassification:
    try:
        with no_init_weights(), torch.device("meta"):
            network = HfskinForImageClassification(config)
    except RuntimeError as error:
        raise ValueError(f"its config.json makes no network ({error})") from None
    expected = network.state_dict()
    if (parameters := sum(weight.numel() for weight in expected.values())) > MAX_PARAMETERS:
        raise ValueError(
            f"its config.json asks for {parameters / 1e6:.0f} million parameters, and at most "
            f"{MAX_PARAMETERS / 1e6:.0f} million are loaded; take fewer or smaller networks"
        )
    _check_weights(path, expected)
    weights = load_file(path)
    if weights.keys() >= OLD_GATE:
        logger.warning("%s: %s", path.parent, OLD_GATE_UNUSED)
        weights = {name: weight for name, weight in weights.items() if name not in OLD_GATE}
    for name, weight in weights.items():
        if not weight.isfinite().all():
            raise ValueError(f"{name} in {path.name} holds something else than numbers; copy it again")
        weights[name] = weight.to(expected[name].dtype)
    network.load_state_dict(weights, assign=True)
    return network


def _check_weights(path: Path, expected: dict[str, torch.Tensor]) -> None:
    """By the file's header, before anything is read that might not fit into the memory."""
    if (size := path.stat().st_size) > MAX_BYTES:
        raise ValueError(f"{path.name} has {size / 1e9:.0f} GB; {MAX_BYTES / 1e9:.0f} are the most")
    with safe_open(path, "pt") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
        stored = {name: (part.get_dtype(), tuple(part.get_shape())) for name, part in slices.items()}
    if stored.keys() >= OLD_GATE:
        stored = {name: facts for name, facts in stored.items() if name not in OLD_GATE}
    wrong = [
        name
        for name in expected.keys() | stored.keys()
        if name not in expected or name not in stored or not _fits(expected[name], *stored[name])
    ]
    if wrong:
        name = min(wrong)
        kind = f" ({stored[name][0]})" if name in stored else ""
        raise ValueError(
            f"{path.name} does not fit config.json: weights differ, such as {name[:100]!r}{kind}, {len(wrong)} in all; "
            "copy both from the same checkpoint"
        )


def _fits(weight: torch.Tensor, dtype: str, shape: tuple[int, ...]) -> bool:
    return dtype in (FLOATS if weight.is_floating_point() else COUNTS) and shape == tuple(weight.shape)
