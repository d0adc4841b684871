"""Members of the published model, trained from all pictures in memory."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageOps
from safetensors.torch import save_file

import hfskin
from hfskin.checkpoints.layout import CONFIG_FILE, EMBEDDED_CHECKPOINT, TRAINING_FILE
from hfskin.model.backbones import create_backbone
from hfskin.model.labels import CLASSES
from hfskin.model.modeling_hfskin import HfskinForImageClassification
from scripts.published.__main__ import main as publish_all
from scripts.published.augment import augment, recolour
from scripts.published.members import MEMBERS, Member, Stage
from scripts.published.pack import back
from scripts.published.pictures import Pictures, load_pictures, resized
from scripts.published.publish import CHECKPOINTS
from scripts.published.teacher import teachers_answers
from scripts.published.train import Trainer
from scripts.runner import TimeLimit

CPU = torch.device("cpu")
STAGES = (Stage((32, 48), epochs=2, learning_rate=1e-3), Stage((48, 64), epochs=1, learning_rate=1e-3))


@pytest.fixture(scope="module")
def pictures(table, tmp_path_factory) -> Pictures:
    """All 28; one has a copy, its mirror image."""
    first = table.iloc[0]
    copy = tmp_path_factory.mktemp("copies") / f"{first['image_id']}.png"
    ImageOps.mirror(Image.open(first["path"])).save(copy)
    return load_pictures(table, CPU, {first["image_id"]: copy})


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("weights") / "initial.safetensors"
    torch.manual_seed(0)
    save_file(create_backbone("mobilenet_v3_small").state_dict(), path)
    return str(path)


class OneEpoch(TimeLimit):
    """Over as soon as an epoch is done."""

    asked = 0

    @property
    def is_over(self) -> bool:
        self.asked += 1
        return self.asked > 1


def trainer(pictures: Pictures, folder: Path, weights: str, **more) -> Trainer:
    folder.mkdir(parents=True, exist_ok=True)
    member: Member = replace(MEMBERS["v3_small"], stages=STAGES, batch_size=8)
    torch.manual_seed(0)
    return Trainer(member, pictures, pictures, folder, weights, seed=0, **more)


def assert_equal(one: HfskinForImageClassification, other: HfskinForImageClassification) -> None:
    for (name, mine), theirs in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs), name


@pytest.mark.slow
def test_a_training_that_is_cut_off_ends_with_the_weights_of_one_that_is_not(pictures, weights, tmp_path):
    whole = trainer(pictures, tmp_path / "whole", weights).run(TimeLimit())
    assert whole.config.image_size == [48, 64]
    for _ in range(2):
        assert trainer(pictures, tmp_path / "cut", weights).run(OneEpoch()) is None
    assert_equal(trainer(pictures, tmp_path / "cut", weights).run(TimeLimit()), whole)


@pytest.mark.slow
def test_a_teacher_who_answers_the_labels_changes_nothing_and_another_one_does(pictures, weights, tmp_path):
    labels = torch.full((len(pictures.pixels),), CLASSES.index("nv"))
    labels[: len(pictures)] = pictures.labels
    labels[len(pictures) :] = pictures.labels[pictures.copy_of >= 0]
    same = torch.nn.functional.one_hot(labels, len(CLASSES)).float()[:, None].expand(-1, 2, -1)
    alone = trainer(pictures, tmp_path / "alone", weights).run(TimeLimit())
    taught = trainer(pictures, tmp_path / "taught", weights, answers=same).run(TimeLimit())
    assert_equal(taught, alone)
    contradicted = trainer(pictures, tmp_path / "contradicted", weights, answers=same.roll(1, -1)).run(TimeLimit())
    assert not torch.equal(contradicted.classifier.weight, alone.classifier.weight)


@pytest.mark.slow
def test_what_travels_back_in_parts_is_the_checkpoint(pictures, weights, tmp_path, table):
    one = trainer(pictures, tmp_path / "runs" / "v3_small", weights)
    model = one.run(TimeLimit())
    one.save(model, 60, Path("a/teacher"))
    table.to_csv(one.output / "split.csv")
    back(tmp_path / "runs", tmp_path / "back")
    travelled = HfskinForImageClassification.from_pretrained(tmp_path / "back" / "v3_small", dtype=torch.float32)
    torch.testing.assert_close(travelled.classifier.weight, model.classifier.weight, atol=1e-3, rtol=1e-3)
    assert '"teacher"' in (tmp_path / "back" / "v3_small" / "training.json").read_text()


def test_the_teacher_answers_as_the_pipeline_does(pictures, table, tmp_path):
    kept = tmp_path / "answers.safetensors"
    answers = teachers_answers(EMBEDDED_CHECKPOINT, pictures, kept)
    expected = [one.probabilities for one in hfskin.load()(list(table["path"]))]
    expected = torch.tensor([[one[name] for name in CLASSES] for one in expected])
    assert (answers[: len(table), 1] - expected).abs().mean() < 0.01  # bfloat16, and a detour by the stored size
    assert answers.shape == (len(table) + 1, 2, len(CLASSES))
    written = kept.stat().st_mtime_ns
    assert torch.equal(teachers_answers(EMBEDDED_CHECKPOINT, pictures, kept), answers)
    assert kept.stat().st_mtime_ns == written
    colder = shutil.copytree(EMBEDDED_CHECKPOINT, tmp_path / "colder")
    config = json.loads((colder / CONFIG_FILE).read_text())
    (colder / CONFIG_FILE).write_text(json.dumps(config | {"temperature": config["temperature"] / 2}))
    assert (teachers_answers(colder, pictures, kept) - answers).abs().max() > 0.01  # another's are asked for anew


def test_without_strength_a_picture_is_only_mirrored(pictures):
    size = (56, 75)
    torch.manual_seed(0)
    seen = augment(pictures.pixels[:8], size, 0.0)
    plain = torch.nn.functional.interpolate(pictures.pixels[:8].float() / 255, size=size, mode="bilinear")
    versions = torch.stack([plain, plain.flip(2), plain.flip(3), plain.flip(2, 3)])
    assert ((versions - seen).abs().mean(dim=(2, 3, 4)).min(dim=0).values < 0.02).all()


def test_augmented_pictures_are_pictures_and_no_two_alike(pictures):
    torch.manual_seed(0)
    seen = augment(pictures.pixels[:1].expand(6, -1, -1, -1), (56, 75), 1.0)
    assert seen.shape == (6, 3, 56, 75)
    assert seen.min() >= 0
    assert seen.max() <= 1
    assert all((seen[i] - seen[j]).abs().mean() > 0.01 for i in range(6) for j in range(i))


def test_another_lamp_of_no_strength_is_the_same_lamp(pictures):
    plain = resized(pictures.pixels[:4], (56, 75)).clamp(1e-4, 1)
    torch.testing.assert_close(recolour(plain, 0.0), plain, atol=1e-5, rtol=0)


def test_one_command_makes_only_what_is_missing(tmp_path, capsys):
    """Of the checkpoints as they are published, nothing; where the time is over, nothing either, and it says so."""
    for name in ("vit", "lite0", "v3_small", "supervised", "mean", "default", "teacher", "lite2", "large"):
        (tmp_path / name).mkdir()
        embedded = CHECKPOINTS / name / TRAINING_FILE
        facts = embedded.read_text() if embedded.is_file() else '{"finished": true}'
        (tmp_path / name / TRAINING_FILE).write_text(facts)
    nowhere = tmp_path / "nowhere"
    publish_all(nowhere, nowhere, nowhere, tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        "vit", "lite0 and v3_small", "supervised", "mean", "default", "publishing default",
        "teacher", "lite2", "large", "publishing large",
    ]  # fmt: skip
    assert all(line.endswith(": done before") for line in lines)
    (tmp_path / "mean" / TRAINING_FILE).unlink()
    publish_all(nowhere, nowhere, nowhere, tmp_path, max_minutes=0)
    assert capsys.readouterr().out.splitlines()[3:] == ["time is up; the same command goes on from here"]
