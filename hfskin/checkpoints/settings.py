"""What the settings of a checkpoint may be, whoever wrote them: in its JSON files and in an ONNX file's copies of them.

Needs no torch.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

SIDES = (16, 1024)  # pixels of the network's input
MAX_MEMBERS = 16
MAX_LABELS, MAX_LABEL = 1000, 100  # classes, and characters of a name

Possible = Callable[[Any], bool]
Check = tuple[Possible, str]  # and what a value must be, in words


def checked(values: Mapping[str, Any], checks: Mapping[str, Check], file: str) -> dict[str, Any]:
    """Those of the values that have a check, which they must pass.

    Args:
        file: what to call the place that they are from.

    Raises:
        ValueError: one does not.
    """
    chosen = {name: values[name] for name in checks if name in values}
    for name, value in chosen.items():
        possible, wanted = checks[name]
        if not possible(value):
            raise ValueError(f"{name} in its {file} is {shown(value)}; it must be {wanted}")
    return chosen


def shown(value) -> str:
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


def _channels(low: float, high: float, lengths: tuple[int, ...] = (3,)) -> Possible:
    possible = _number(low, high)
    return lambda value: isinstance(value, list) and len(value) in lengths and all(map(possible, value))


def _backbone_kwargs(value) -> bool:
    """`create_backbone` looks at the names."""
    return isinstance(value, dict) and all(isinstance(v, str) or _number(0, 1)(v) for v in value.values())


def _name(value) -> bool:
    """Whether there is such a backbone is for `create_backbone` to say."""
    return isinstance(value, str) and re.fullmatch(r"\w{1,60}", value) is not None


def _members(value) -> bool:
    """Each the architecture of a network, whose settings are those of the model's own."""
    return isinstance(value, list) and len(value) <= MAX_MEMBERS and all(map(_architecture, value))


def _architecture(value) -> bool:
    if not isinstance(value, dict) or "backbone" not in value:
        return False
    return all(name in ARCHITECTURE and ARCHITECTURE[name][0](setting) for name, setting in value.items())


def _id2label(value) -> bool:
    """JSON's keys are strings."""
    if not isinstance(value, dict) or not 2 <= len(value) <= MAX_LABELS:
        return False
    return value.keys() == {str(i) for i in range(len(value))} and _labels(list(value.values()))


def _labels(value) -> bool:
    return isinstance(value, list) and all(map(_label, value)) and len(set(value)) == len(value)


def _label(value) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_LABEL and value.isprintable()


_SHARE = _number(0, 1), "a number from 0 to 1"
_SWITCH = _one_of(True, False), "true or false"
_SIDE_WORDS = f"of {SIDES[0]} to {SIDES[1]} pixels each"
_PIXELS = {
    "resample": (_whole(0, 5), "a filter of Pillow, 0 to 5"),
    "rescale_factor": (_number(1e-9, 1e3), "a positive number"),
    "colour_reference": _optional((_channels(0, 1), "three numbers from 0 to 1")),
    "colour_strength": _SHARE,
    "max_stretch": (_number(1, 4), "a number from 1 to 4"),
}
ARCHITECTURE: dict[str, Check] = {
    "backbone": (_name, "the name of a backbone"),
    "backbone_cut": (_one_of("paper", "full", "block8"), '"paper", "full" or "block8"'),
    "backbone_kwargs": _optional((_backbone_kwargs, "the padding and eps of a backbone")),
    "attention_maps": (_whole(0, 1024), "a whole number from 0 to 1024"),
    "attention_gamma": (_number(-1e3, 1e3), "a number from -1000 to 1000"),
    "pooling": (_one_of("flatten", "avg"), '"flatten" or "avg"'),
    "metadata_hidden": (_whole(0, 65536), "a whole number from 0 to 65536"),
    "dropout": _SHARE,
    "drop_path_rate": _SHARE,
    "image_size": (_image_size, f"[height, width] {_SIDE_WORDS}"),
}
# Of config.json.
SETTINGS: dict[str, Check] = ARCHITECTURE | {
    "partners": (_members, f"a list of at most {MAX_MEMBERS} networks' settings"),
    "id2label": (_id2label, f"two to {MAX_LABELS} different names, by index from 0 on"),
    "malignant_labels": _optional((_labels, "a list of different names")),
    "problem_type": _optional((_one_of("single_label_classification"), "single_label_classification")),
    "temperature": (_number(1e-3, 1e3), "a number from 0.001 to 1000"),
    "malignant_threshold": _optional(_SHARE),
    "malignant_sensitivity": _optional(_SHARE),
    "conformal_threshold": _optional(_SHARE),
    "conformal_coverage": _optional(_SHARE),
    "gate": _SWITCH,
    "gate_threshold": _optional((_number(-1e30, 1e30), "a number")),
    "unusual_threshold": _optional((_number(-1e30, 1e30), "a number")),
}
# Of preprocessor_config.json.
PREPROCESSING: dict[str, Check] = _PIXELS | {
    "size": (_size, f"a height and a width {_SIDE_WORDS}"),
    "image_mean": (_channels(-1e3, 1e3), "three numbers"),
    "image_std": (_channels(1e-6, 1e3), "three positive numbers"),
    "do_resize": (_one_of(True), "true"),
    "do_rescale": _SWITCH,
    "do_normalize": _SWITCH,
}
# Of [`Preprocessing`], as an ONNX file holds it.
PREPARED: dict[str, Check] = _PIXELS | {
    "height": (_side, f"{SIDES[0]} to {SIDES[1]} pixels"),
    "width": (_side, f"{SIDES[0]} to {SIDES[1]} pixels"),
    "mean": (_channels(-1e3, 1e3, (1, 3)), "a number, or three"),
    "std": (_channels(1e-6, 1e3, (1, 3)), "a positive number, or three"),
}
