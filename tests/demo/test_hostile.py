"""Checkpoints that were made to do harm: each is refused in one line, and nothing of it is run."""

import json
import pickle
import pickletools
import re
from pathlib import Path

import pytest
from paths import ROOT

import hfskin
from hfskin.checkpoints.hub import HubError

LESIONS = sorted((ROOT / "tests" / "data" / "images").glob("*.jpg"))


# Checkpoints


@pytest.fixture
def checkpoint(tiny_checkpoint, tmp_path) -> Path:
    for path in tiny_checkpoint.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def change(path: Path, **values) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("metadata_hidden", 10**9), ("image_size", [10**6, 10**6]), ("attention_maps", -1), ("temperature", 0),
        ("temperature", True), ("backbone", "../x"), ("backbone_kwargs", {"checkpoint_path": "x.pth"}),
        ("gate_threshold", "low"), ("malignant_threshold", 2), ("model_type", "vit"), ("pooling", None),
        ("partners", [{"backbone": "../x"}]), ("partners", [{"partners": [{}]}]), ("partners", [{}]),
        ("partners", [{"backbone": "mobilenet_v1"}] * 17),
    ],
)  # fmt: skip
def test_an_impossible_setting_is_named(checkpoint, name, value):
    change(checkpoint / "config.json", **{name: value})
    with pytest.raises(HubError, match=rf"\A[^\n]*({name}|of a 'vit'|\"vit\"|backbone arguments)[^\n]*\Z"):
        hfskin.load(checkpoint, backend="torch")


@pytest.mark.parametrize(
    ("name", "value"),
    [("size", {"height": 10**6, "width": 10**6}), ("size", None), ("image_std", [0, 0, 0]), ("resample", 99)],
)
def test_impossible_preprocessing_is_named(checkpoint, name, value):
    change(checkpoint / "preprocessor_config.json", **{name: value})
    with pytest.raises(HubError, match=f"{name} in its preprocessor_config.json is "):
        hfskin.load(checkpoint, backend="torch")


def test_settings_that_are_not_ours_do_nothing(checkpoint):
    change(
        checkpoint / "config.json",
        quantization_config={"quant_method": "x"},
        auto_map={"AutoConfig": "evil.Config"},
        transformers_weights="../../evil.bin",
        dtype="evil",
        sub_configs=1,
    )
    assert hfskin.load(checkpoint, backend="torch")(LESIONS[0]).probabilities


def test_weights_must_fit_to_the_last_and_be_numbers(checkpoint):
    from safetensors.torch import load_file, save_file

    path = checkpoint / "model.safetensors"
    good = load_file(path)
    without = {name: value for name, value in good.items() if name != "classifier.bias"}
    for bad, message in (
        (without, "weights differ, such as 'classifier.bias', 1 in all"),
        ({**good, "more": good["classifier.bias"].clone()}, "weights differ, such as 'more'"),
        ({**good, "classifier.bias": good["classifier.bias"][:3].clone()}, "weights differ, such as 'classifier.bias'"),
        ({**good, "classifier.bias": good["classifier.bias"].int()}, "weights differ, such as 'classifier.bias'"),
        (
            {**good, "classifier.bias": good["classifier.bias"] * float("nan")},
            "classifier.bias in model.safetensors holds",
        ),
    ):
        save_file(bad, path)
        with pytest.raises(HubError, match=message):
            hfskin.load(checkpoint, backend="torch")
    huge = {name: value * 1e30 if value.is_floating_point() else value for name, value in good.items()}
    save_file(huge, path)
    with pytest.raises(ValueError, match="not a number"):
        hfskin.load(checkpoint, backend="torch")(LESIONS[0])


class Trap:
    """Unpickling it makes a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("kept", [True, False])
def test_no_pickle_is_loaded(checkpoint, kept):
    sprung = checkpoint / "sprung"
    trap = pickle.dumps(Trap(sprung))
    for name in ("pytorch_model.bin", "model.bin", "model.pt", "training_args.bin", "adapter_model.bin", "model.pkl"):
        (checkpoint / name).write_bytes(trap)
    if kept:
        assert hfskin.load(checkpoint, backend="torch")(LESIONS[0]).probabilities
        (checkpoint / "model.safetensors").write_bytes(trap)
        message = "damaged or only half there"
    else:
        (checkpoint / "model.safetensors").unlink()
        message = "has no model.safetensors; hfskin reads no other weights"
    with pytest.raises(HubError, match=message):
        hfskin.load(checkpoint, backend="torch")
    assert not sprung.exists()
    assert "REDUCE" in {opcode.name for opcode, _, _ in pickletools.genops(trap)}, "the trap holds no call"


def test_no_source_loads_pickles():
    forbidden = re.compile(
        r"pickle\b|\b(?:dill|joblib|shelve|marshal)\b|(?:torch|np)\.load\("
        r"|weights_only=False|trust_remote_code=True|\beval\(|\bexec\("
    )
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in [ROOT / "app.py", *(ROOT / "hfskin").rglob("*.py")]
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if forbidden.search(re.sub(r"\.eval\(", "", line.split("#")[0]))
    ]
    assert found == []
