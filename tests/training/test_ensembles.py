import json
import shutil
from pathlib import Path

import pytest
import torch

from hfskin import HfskinConfig, HfskinForImageClassification, HfskinImageProcessor, encode_metadata
from hfskin.checkpoints.layout import SPLIT_FILE, TRAINING_FILE
from hfskin.training.merging import average_checkpoints, ensemble_checkpoints
from hfskin.training.recipes import FINE_TUNE
from hfskin.training.start import continued_model

pytestmark = pytest.mark.slow

IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


def save(folder: Path, seed: int, processor: dict | None = None, **changes) -> Path:
    torch.manual_seed(seed)
    how = {"backbone": "mobilenet_v3_small", "image_size": (96, 128), "pooling": "avg", "metadata_hidden": 16}
    config = HfskinConfig(**(how | changes))
    HfskinForImageClassification(config).save_pretrained(folder)
    size = {"height": config.image_size[0], "width": config.image_size[1]}
    HfskinImageProcessor(size=size, **(processor or {})).save_pretrained(folder)
    (folder / TRAINING_FILE).write_text(json.dumps({"seed": seed, "history": [{"epoch": 1}]}))
    (folder / SPLIT_FILE).write_text(f"image_id,lesion_id,dx,split\na,{seed},nv,train\n")
    return folder


@pytest.fixture(scope="module")
def members(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("members")
    lite = save(folder / "lite", 0, backbone="efficientnet_lite0", temperature=2.0)
    return [lite, save(folder / "small", 1, IMAGENET), save(folder / "bare", 2, attention_maps=0, metadata_hidden=0)]


@pytest.fixture(scope="module")
def joined(members, tmp_path_factory) -> Path:
    return ensemble_checkpoints(members, tmp_path_factory.mktemp("joined") / "model")


@torch.no_grad()
def logits(folder: Path, picture: Path, **changes) -> torch.Tensor:
    config = HfskinConfig.from_pretrained(folder, **changes)
    model = HfskinForImageClassification.from_pretrained(folder, config=config).eval()
    patient = torch.from_numpy(encode_metadata(80, "female", "face"))[None]
    return model(**HfskinImageProcessor.from_pretrained(folder)(picture, return_tensors="pt"), metadata=patient).logits


def test_an_ensemble_answers_with_the_mean_of_what_its_members_say_of_the_picture(members, joined, lesion_path):
    alone = torch.stack([logits(folder, lesion_path, temperature=1.0) for folder in members])
    torch.testing.assert_close(logits(joined, lesion_path), alone.mean(dim=0), atol=1e-4, rtol=1e-4)
    assert alone.std(dim=0).max() > 0.01
    assert (joined / SPLIT_FILE).read_bytes() == (members[0] / SPLIT_FILE).read_bytes()


def test_the_members_of_an_ensemble_become_members_of_another(members, joined, lesion_path, tmp_path):
    nested = ensemble_checkpoints([members[2], joined], tmp_path / "nested", weights=[1, 3])
    expected = (logits(members[2], lesion_path, temperature=1.0) + 3 * logits(joined, lesion_path)) / 4
    torch.testing.assert_close(logits(nested, lesion_path), expected, atol=1e-4, rtol=1e-4)
    assert [run["seed"] for run in json.loads((nested / TRAINING_FILE).read_text())["partners"]] == [0, 1, 2]


def test_an_ensemble_tells_how_its_members_were_trained(joined):
    facts = json.loads((joined / TRAINING_FILE).read_text())
    assert (facts["seed"], facts["partners"]) == (0, [{"seed": 1}, {"seed": 2}])


def test_training_goes_on_with_every_member(joined, lesion_path):
    model = continued_model(FINE_TUNE, joined).train()
    assert {network.image_model.dropout.p for network in model.networks()} == {FINE_TUNE.dropout}
    pixels = HfskinImageProcessor.from_pretrained(joined)(lesion_path, return_tensors="pt")["pixel_values"]
    model(pixels.expand(4, -1, -1, -1), labels=torch.arange(4)).loss.backward()
    assert all(network.classifier.weight.grad.any() for network in model.networks())


def test_what_cannot_be_an_ensemble_is_said(members, tmp_path):
    with pytest.raises(ValueError, match="two checkpoints or more"):
        ensemble_checkpoints(members[:1], tmp_path / "one")
    with pytest.raises(ValueError, match="as many weights above 0"):
        ensemble_checkpoints(members[:2], tmp_path / "weights", weights=[1.0])
    untold = shutil.copytree(members[1], tmp_path / "untold")
    (untold / TRAINING_FILE).unlink()
    for merge in (ensemble_checkpoints, average_checkpoints):
        with pytest.raises(OSError, match=r"untold: no training\.json; it tells"):
            merge([members[1], untold], tmp_path / "merged")


def test_a_member_sees_the_picture_at_its_own_size(members, tmp_path, lesion_path):
    large = save(tmp_path / "large", 3, image_size=(120, 160))
    joined = ensemble_checkpoints([large, members[0]], tmp_path / "sizes", weights=[1, 3])
    alone = [logits(folder, lesion_path, temperature=1.0) for folder in (large, members[0])]
    expected = (alone[0] + 3 * alone[1]) / 4
    apart = (alone[0] - alone[1]).abs().max()
    assert (logits(joined, lesion_path) - expected).abs().max() < 0.1 * apart  # the picture is resized once more
