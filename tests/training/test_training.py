import contextlib
import dataclasses
import filecmp
import json
import multiprocessing
import os
import random
import shutil
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from paths import MASKS
from safetensors.torch import load_file
from torch.nn import functional as F
from transformers import TrainerState
from typer.testing import CliRunner

import hfskin
from hfskin.checkpoints.history import read_training, write_training
from hfskin.checkpoints.layout import EMBEDDED_CHECKPOINT, FINGERPRINT_FILE
from hfskin.cli import app
from hfskin.cli.training import RecipeName, recipe_name
from hfskin.data.ham10000 import find_masks, load_ham10000
from hfskin.evaluation.localisation import summarise_localisation
from hfskin.model.backbone_table import BACKBONES
from hfskin.model.backbones import create_backbone
from hfskin.model.early_maps import early_maps, freeze_early_layers
from hfskin.model.image_processing_hfskin import HfskinImageProcessor
from hfskin.model.metadata import encode_metadata
from hfskin.training.attention_supervision import attention_loss
from hfskin.training.config import TrainConfig
from hfskin.training.distillation import TEMPERATURE, Teachers
from hfskin.training.losses import WeightedCrossEntropy, class_weights
from hfskin.training.merging import average_checkpoints
from hfskin.training.recipes import ATTENTION_SUPERVISION, CONTINUE, MODERN, PAPER, RECIPES
from hfskin.training.resume import last_complete_checkpoint
from hfskin.training.run import loss_weights, train
from hfskin.training.sampling import ClassSampling, ReproducibleSampling, class_quotas

pytestmark = pytest.mark.slow

LONG = pytest.mark.skipif("HFSKIN_LONG" not in os.environ, reason="the long form; HFSKIN_LONG=1 runs it")
# HAM10000's pictures a class, in the order of CLASSES (paper, Table 2).
HAM10000_COUNTS = [327, 514, 1099, 115, 1113, 6705, 142]


def test_class_weights_are_the_papers():
    weights = class_weights(HAM10000_COUNTS)
    expected = [10015 / (7 * n) for n in HAM10000_COUNTS]
    np.testing.assert_allclose(weights, expected, rtol=1e-6)
    # As the authors print them, by class: akiec, bcc, bkl, df, mel, nv, vasc.
    np.testing.assert_allclose(weights, [4.37, 2.78, 1.30, 12.44, 1.28, 0.21, 10.08], atol=0.01)


def test_other_powers_average_one_over_the_samples():
    for power in (0.0, 0.5):
        weights = class_weights(HAM10000_COUNTS, power)
        assert float((weights * torch.tensor(HAM10000_COUNTS)).sum() / 10015) == pytest.approx(1)
    assert torch.equal(class_weights([3, 5], 0.0), torch.ones(2))
    with pytest.raises(ValueError, match="no training pictures of bcc"):
        class_weights([3, 0, 2])


def test_loss_is_the_mean_over_samples_not_over_weights():
    weights = class_weights(HAM10000_COUNTS)
    logits = torch.randn(10, 7, generator=torch.Generator().manual_seed(0))
    labels = torch.full((10,), 5)  # ten nevi
    loss = WeightedCrossEntropy(weights)(SimpleNamespace(logits=logits), labels)
    plain = F.cross_entropy(logits, labels)
    assert float(loss) == pytest.approx(float(weights[5] * plain), rel=1e-5)
    assert float(F.cross_entropy(logits, labels, weight=weights)) == pytest.approx(float(plain), rel=1e-5)


def test_square_root_sampling_gives_rare_classes_more_places():
    quotas = class_quotas(HAM10000_COUNTS, 0.5)
    roots = np.sqrt(HAM10000_COUNTS)
    assert quotas.sum() == 10015
    np.testing.assert_allclose(quotas, 10015 * roots / roots.sum(), atol=1)
    assert class_quotas(HAM10000_COUNTS, 0.0).tolist() == HAM10000_COUNTS
    assert class_quotas([7, 5, 1], 1.0).tolist() == [5, 4, 4]


def test_sampling_shows_the_pictures_of_a_class_equally_often():
    labels = np.repeat([0, 1, 2], [50, 9, 3])
    sampling = ClassSampling(labels, 0.5, seed=3)
    order = sampling.order(0)
    assert np.bincount(labels[order]).tolist() == class_quotas([50, 9, 3], 0.5).tolist() == [37, 16, 9]
    for c in range(3):
        times = np.bincount(order, minlength=62)[labels == c]
        assert times.max() - times.min() <= 1
    assert order.tolist() == ClassSampling(labels, 0.5, seed=3).order(0).tolist() != sampling.order(1).tolist()


def test_a_picture_that_comes_up_twice_is_drawn_anew():
    class Draws:
        def __getitem__(self, picture):
            return picture, float(torch.rand(()))

    labels = [0] * 8 + [1]
    drawn = ReproducibleSampling(Draws(), 0, ClassSampling(labels, 1.0, seed=0))
    rare = [value for picture, value in (drawn[i] for i in range(9)) if picture == 8]
    assert len(set(rare)) == len(rare) >= 4


def test_sampling_leaves_the_objective():
    """Places times weight is what pictures times weight is without sampling; melanoma's is twice the recipe's."""
    labels = np.repeat(range(7), HAM10000_COUNTS)
    places = np.bincount(labels[ClassSampling(labels, 0.5, seed=0).order(0)])
    without = dataclasses.replace(MODERN, sampling_power=0.0)
    plain = loss_weights(without, HAM10000_COUNTS) * torch.tensor(HAM10000_COUNTS)
    again = loss_weights(dataclasses.replace(CONTINUE, sampling_power=0.5), HAM10000_COUNTS) * torch.from_numpy(places)
    expected = torch.tensor([1.0, 1.0, 1.0, 1.0, 2.0, 1.0, 1.0])
    torch.testing.assert_close((again / plain).float(), expected, rtol=1e-5, atol=0)


def test_every_recipe_can_be_asked_for():
    assert {name.value for name in RecipeName} == set(RECIPES)
    assert (recipe_name("teach"), recipe_name("partner")) == ("attention-supervision", "member")  # until 0.2


def test_paper_recipe_is_section_2_5():
    assert (PAPER.learning_rate, PAPER.adam_epsilon, PAPER.weight_decay) == (1e-3, 0.1, 0.0)
    assert (PAPER.early_stopping, PAPER.metric, PAPER.augment) == (25, "accuracy", False)
    assert (PAPER.metadata_hidden, PAPER.dropout, PAPER.pooling, PAPER.weight_power) == (4096, 0.5, "flatten", 1.0)


@pytest.fixture
def split_table(table):
    return table.assign(split=["train" if i % 4 else "val" for i in range(len(table))])


def short(recipe, **changes):
    return dataclasses.replace(recipe, **{"epochs": 1, "batch_size": 8, "metadata_hidden": 16, **changes})


@pytest.mark.parametrize("recipe", [short(PAPER), short(MODERN)], ids=["paper", "modern"])
def test_a_run_leaves_a_checkpoint_that_loads(recipe, split_table, tmp_path, lesion_path):
    train(split_table, tmp_path / "run", TrainConfig(recipe, "mobilenet_v3_small", weights=None, image_size=(64, 96)))
    assert hfskin.load(tmp_path / "run")(lesion_path).label in hfskin.CLASSES
    facts = json.loads((tmp_path / "run" / "training.json").read_text())
    assert facts["n_train"] == 21
    assert facts["history"][0]["eval_bma"] == facts["best"]["value"] or recipe.metric == "accuracy"


def test_a_run_goes_on_from_a_checkpoint(tiny_checkpoint, split_table, tmp_path):
    """Its weights, head and processor, and none of its calibration."""
    recipe = short(MODERN, learning_rate=0.0, weight_decay=0.0, ema_decay=0.0)
    train(split_table, tmp_path / "run", TrainConfig(recipe, None, start=tiny_checkpoint))
    before, after = (load_file(folder / "model.safetensors") for folder in (tiny_checkpoint, tmp_path / "run"))
    moved = [name for name, value in after.items() if not torch.equal(value, before[name])]
    assert all("running_" in name or "num_batches" in name for name in moved)
    assert set(before) - set(after) == {name for name in before if name.startswith("gate.")}
    config = hfskin.load(tmp_path / "run").model.config
    assert (config.temperature, config.conformal_threshold, config.gate) == (1.0, None, False)
    assert config.image_size == [96, 128]


def test_early_layers_stay_as_they_were(tiny_checkpoint, split_table, tmp_path):
    """And all but a few others learn."""
    recipe = short(CONTINUE, learning_rate=0.1, ema_decay=0.0)
    train(split_table, tmp_path / "run", TrainConfig(recipe, None, start=tiny_checkpoint))
    before, after = (load_file(folder / "model.safetensors") for folder in (tiny_checkpoint, tmp_path / "run"))
    model = hfskin.load(tiny_checkpoint).model
    freeze_early_layers(model.image_model.backbone)
    early = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    kept = {name for name, _ in model.named_parameters() if name in after and torch.equal(after[name], before[name])}
    assert early <= kept
    assert len(kept - early) < len(after) / 10


def test_the_attention_loss_is_the_share_on_the_lesion():
    maps = torch.zeros(3, 2, 2, 4)
    maps[:, 0, 0, 0] = 1.0  # the first map looks at one corner, the second everywhere
    maps[:, 1] = 1 / 8
    lesion = torch.zeros(3, 1, 20, 40, dtype=torch.uint8)
    lesion[0, :, :10, :10] = 1  # that corner
    lesion[1, :, :10, :20] = 1  # and the place beside it; the third mask is empty
    expected = (np.log(8) + np.log(4)) / 6
    assert float(attention_loss(maps, lesion)) == pytest.approx(expected, rel=1e-5)
    elsewhere = torch.zeros(1, 1, 20, 40, dtype=torch.uint8)
    elsewhere[..., 10:, 30:] = 1
    assert torch.isfinite(attention_loss(maps[:1], elsewhere))


def test_attention_supervision_moves_the_map_onto_the_lesion(split_table, tmp_path):
    """From maps that are the same everywhere; the backbone stays as it was."""
    model, masks = hfskin.load(backend="torch").model, find_masks(MASKS)
    torch.nn.init.zeros_(model.image_model.attention.conv.weight)
    model.save_pretrained(tmp_path / "start")
    HfskinImageProcessor.from_pretrained(EMBEDDED_CHECKPOINT).save_pretrained(tmp_path / "start")
    recipe = short(ATTENTION_SUPERVISION, epochs=20, learning_rate=2e-3, ema_decay=0.0)
    train(split_table, tmp_path / "run", TrainConfig(recipe, None, start=tmp_path / "start", masks=masks))
    rows = split_table[split_table["image_id"].isin(masks)]
    found = summarise_localisation(hfskin.load(tmp_path / "run"), rows, MASKS)
    assert found["soft_attention"]["mass"]["value"] > 1.2 * found["uniform"]["mass"]["value"]
    before, after = (load_file(tmp_path / name / "model.safetensors") for name in ("start", "run"))
    names = [name for name, _ in model.named_parameters()]
    learnt = {name for name in names if not torch.equal(before[name], after[name])}
    assert learnt == {name for name in names if ".backbone." not in name}
    facts = json.loads((tmp_path / "run" / "training.json").read_text())
    assert facts["n_masks"] == (rows["split"] == "train").sum()


def test_masks_need_soft_attention_and_augmentation(tiny_checkpoint, split_table, tmp_path):
    for recipe, lacking in (
        (short(PAPER), "this recipe does not augment: leave the masks out"),
        (short(MODERN, attention_maps=0), "this model lacks it: leave the masks out"),
    ):
        with pytest.raises(ValueError, match=lacking):
            train(split_table, tmp_path / "run", TrainConfig(recipe, "mobilenet_v3_small", None, (64, 96), masks={}))


def test_copies_need_augmentation(split_table, tmp_path, data_folder):
    with pytest.raises(ValueError, match="this recipe does not augment: leave the copies out"):
        train(split_table, tmp_path / "run", TrainConfig(short(PAPER), "mobilenet_v3_small", None, (64, 96), copies={}))
    assert not (tmp_path / "run").exists()
    command = ["train", "--data", data_folder, "--backbone", "mobilenet_v3_small", "--recipe", "paper",
               "--copies", data_folder / "images", "-o", tmp_path / "run"]  # fmt: skip
    result = CliRunner().invoke(app, [str(word) for word in command])
    assert result.exit_code == 2
    assert result.stderr.startswith("hfskin: copies are mixed in where pictures are augmented")
    assert len(result.stderr.splitlines()) == 1


def test_a_flattened_map_has_one_size(split_table, tmp_path):
    recipe = short(MODERN, pooling="flatten", start_scale=0.5)
    with pytest.raises(ValueError, match="with start_scale 1, such as fine-tune"):
        train(split_table, tmp_path / "run", TrainConfig(recipe, "mobilenet_v3_small", None, (64, 96)))


def test_random_early_layers_are_not_kept(split_table, tmp_path):
    with pytest.raises(ValueError, match="go on from a checkpoint, or give pretrained weights"):
        train(
            split_table,
            tmp_path / "run",
            TrainConfig(CONTINUE, "mobilenet_v3_small", weights=None, image_size=(64, 96)),
        )


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_has_early_layers(name):
    with torch.device("meta"):
        backbone = create_backbone(name, image_size=(224, 224))
        pictures = torch.empty(2, 3, 224, 224)
    freeze_early_layers(backbone)
    (early, _), (late, _) = early_maps(backbone)
    learns = {}
    for module in (early, late):
        backbone.get_submodule(module).register_forward_hook(
            lambda _, __, output, module=module: learns.update({module: output.requires_grad})
        )
    assert backbone.forward_features(pictures).requires_grad
    assert learns == {early: False, late: True}


def test_averaged_weights_are_kept_and_given_back(split_table, tmp_path):
    train(
        split_table,
        tmp_path / "run",
        TrainConfig(short(MODERN), "mobilenet_v3_small", weights=None, image_size=(64, 64)),
    )
    trainer_folder = Path(last_complete_checkpoint(tmp_path / "run" / "trainer"))
    best = load_file(tmp_path / "run" / "model.safetensors")
    average, raw = (load_file(trainer_folder / name) for name in ("ema.safetensors", "model.safetensors"))
    assert all(torch.equal(best[name], average[name]) for name in best)
    assert any(not torch.equal(best[name], raw[name]) for name in best)


def test_teachers_answer_as_they_do_alone(tiny_checkpoint, lesion_path):
    """Whatever size and normalisation the student's pictures have."""
    pipeline = hfskin.load(tiny_checkpoint)
    mine = HfskinImageProcessor.from_pretrained(tiny_checkpoint, image_mean=[0.3, 0.4, 0.5], image_std=[0.2, 0.3, 0.1])
    pixels = mine(lesion_path, return_tensors="pt")["pixel_values"]
    metadata = torch.from_numpy(encode_metadata(55, "male", "back"))[None]
    teachers = Teachers([tiny_checkpoint, tiny_checkpoint], mine, torch.device("cpu"))
    probabilities = pipeline(lesion_path, 55, "male", "back").probabilities
    logits = torch.tensor(list(probabilities.values())).log()[None]
    expected = (logits / TEMPERATURE).softmax(dim=-1)
    torch.testing.assert_close(teachers.probabilities(pixels, metadata), expected, rtol=1e-4, atol=1e-6)
    assert float(teachers.loss(logits, pixels, metadata)) == pytest.approx(0, abs=1e-6)
    assert float(teachers.loss(-logits, pixels, metadata)) > 1e-6
    assert teachers.probabilities(pixels[..., :80, :100], metadata).shape == (1, 7)


def test_a_run_with_a_teacher_is_another_run_and_says_so(tiny_checkpoint, split_table, tmp_path):
    recipe = short(MODERN, epochs=2)
    for name, teachers in (("alone", ()), ("distilled", (tiny_checkpoint,))):
        train(
            split_table, tmp_path / name, TrainConfig(recipe, "mobilenet_v3_small", None, (64, 96), teachers=teachers)
        )
    weights = [load_file(tmp_path / name / "model.safetensors") for name in ("alone", "distilled")]
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert json.loads((tmp_path / "distilled" / "training.json").read_text())["teachers"] == [tiny_checkpoint.name]


def test_an_average_is_the_mean_of_the_weights(split_table, tiny_checkpoint, tmp_path, lesion_path):
    runs = [tmp_path / str(seed) for seed in (1, 2)]
    for seed, run in enumerate(runs):
        train(split_table, run, TrainConfig(short(MODERN), None, start=tiny_checkpoint, seed=seed))
    folder = average_checkpoints(runs, tmp_path / "average")
    ends = [Path(last_complete_checkpoint(run / "trainer")) / "ema.safetensors" for run in runs]
    first, second, mean = (load_file(path) for path in (*ends, folder / "model.safetensors"))
    for name, tensor in mean.items():
        torch.testing.assert_close(tensor, ((first[name].double() + second[name].double()) / 2).to(tensor.dtype))
    assert any(not torch.equal(mean[name], first[name]) for name in mean)
    assert hfskin.load(folder)(lesion_path).label in hfskin.CLASSES
    assert [run["seed"] for run in json.loads((folder / "training.json").read_text())["averaged"]] == [1]
    written = pd.read_csv(folder / "split.csv").set_index("image_id")["split"]
    assert written.to_dict() == split_table.set_index("image_id")["split"].to_dict()
    with pytest.raises(ValueError, match="two checkpoints or more"):
        average_checkpoints(runs[:1], tmp_path / "one")
    wide = short(MODERN, metadata_hidden=8)
    train(split_table, tmp_path / "wide", TrainConfig(wide, "mobilenet_v3_small", weights=None, image_size=(64, 64)))
    with pytest.raises(ValueError, match="different architectures"):
        average_checkpoints([runs[0], tmp_path / "wide"], tmp_path / "mixed")


def test_an_average_of_averages_names_all_its_runs(tiny_checkpoint, tmp_path):
    runs = [shutil.copytree(tiny_checkpoint, tmp_path / str(seed)) for seed in range(4)]
    for seed, run in enumerate(runs):
        write_training(run, {"seed": seed, "command": f"hfskin train --seed {seed}", "best": {}, "history": []})
    pairs = [average_checkpoints(runs[at : at + 2], tmp_path / f"pair{at}") for at in (0, 2)]
    facts = read_training(average_checkpoints(pairs, tmp_path / "all"))
    assert [run["seed"] for run in (facts, *facts["averaged"])] == [0, 1, 2, 3]


def test_without_averaged_weights_the_last_epochs_own_count(split_table, tiny_checkpoint, tmp_path):
    runs = [tmp_path / str(seed) for seed in (0, 1)]
    for seed, run in enumerate(runs):
        train(
            split_table,
            run,
            TrainConfig(short(MODERN, ema_decay=0.0, epochs=2), None, start=tiny_checkpoint, seed=seed),
        )
    folder = average_checkpoints(runs, tmp_path / "average")
    ends = [Path(last_complete_checkpoint(run / "trainer")) / "model.safetensors" for run in runs]
    first, second, mean = (load_file(path) for path in (*ends, folder / "model.safetensors"))
    for name, tensor in mean.items():
        torch.testing.assert_close(tensor, ((first[name].double() + second[name].double()) / 2).to(tensor.dtype))


# Forks of one process that has imported torch once; in this one, other tests have decided over the number of threads.
FORKS = multiprocessing.get_context("forkserver")


def run_to_the_end(data: Path, output: Path) -> None:
    """A short run with everything that is random: order, augmentation, hidden metadata, drop path, averaged weights."""
    os.setsid()  # whoever kills it kills what it starts
    table = load_ham10000(data)
    table["split"] = ["train" if i % 4 else "val" for i in range(len(table))]
    recipe = short(MODERN, epochs=6, early_stopping=5)
    train(table, output, TrainConfig(recipe, "mobilenet_v3_small", weights=None, image_size=(64, 64)))


def kill_in(process: BaseProcess, trainer_folder: Path, step: int, seconds: float) -> None:
    """Kill a run with -9 some time after its checkpoint of `step` began to be written."""
    while not (trainer_folder / f"checkpoint-{step}").exists() and process.is_alive():
        time.sleep(0.002)
    time.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):  # on a fast machine it may have come to its end
        os.killpg(process.pid, signal.SIGKILL)
    process.join()


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=LONG)])
def test_a_killed_run_ends_with_the_weights_of_an_unbroken_one(kills, tmp_path, data_folder):
    draw = random.Random(time.time_ns())
    FORKS.set_forkserver_preload([__name__])

    def started(name: str) -> BaseProcess:
        process = FORKS.Process(target=run_to_the_end, args=(data_folder, tmp_path / name))
        process.start()
        return process

    for _ in range(kills):
        where = draw.choice((2, 4, 6, 8, 10)), draw.uniform(0, 0.5)
        kill_in(started("killed"), tmp_path / "killed" / "trainer", *where)
    for process in [started("killed"), started("whole")]:
        process.join()
        assert process.exitcode == 0
    for name in (
        "model.safetensors",
        "trainer/checkpoint-12/model.safetensors",
        "trainer/checkpoint-12/ema.safetensors",
    ):
        assert filecmp.cmp(tmp_path / "killed" / name, tmp_path / "whole" / name, shallow=False), name
    killed, whole = (json.loads((tmp_path / name / "training.json").read_text()) for name in ("killed", "whole"))
    for name in ("best", "epochs_done", "finished"):
        assert killed[name] == whole[name]
    assert [entry["eval_bma"] for entry in killed["history"]] == [entry["eval_bma"] for entry in whole["history"]]


def test_a_run_that_is_stopped_within_an_epoch_goes_on_from_there(tmp_path, split_table):
    """Its data order, augmentation and dropout are those of a run without a break."""
    recipe = short(MODERN, dropout=0.5)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(split_table, whole, TrainConfig(recipe, "mobilenet_v3_small", weights=None, image_size=(64, 64)))
    train(
        split_table, parts, TrainConfig(recipe, "mobilenet_v3_small", weights=None, image_size=(64, 64)), max_minutes=0
    )
    assert last_complete_checkpoint(parts / "trainer").endswith("checkpoint-1")
    assert not json.loads((parts / "training.json").read_text())["finished"]
    train(split_table, parts, TrainConfig(recipe, "mobilenet_v3_small", weights=None, image_size=(64, 64)))
    assert (parts / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def everything_in(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_another_run_does_not_go_on_from_these_checkpoints(tmp_path, split_table, tiny_checkpoint):
    """Whatever differs, and nothing is written. The same run may have more time."""
    run = tmp_path / "run"
    same = TrainConfig(short(MODERN), "mobilenet_v3_small", None, (64, 64))
    train(split_table, run, same, max_minutes=0)
    before = everything_in(run)
    others = split_table.assign(split=split_table["split"].iloc[::-1].to_numpy())
    for differs, changes in {
        "epochs 1 there and 2 here": {"recipe": short(MODERN, epochs=2)},
        "seed 0 there and 1 here": {"seed": 1},
        "backbone mobilenet_v3_small there and efficientnet_lite0 here": {"backbone": "efficientnet_lite0"},
        "backbone_weights None there and other.safetensors here": {"weights": "other.safetensors"},
        f"backbone_weights None there and {tiny_checkpoint.name} here": {"backbone": None, "start": tiny_checkpoint},
        r"image_size \[64, 64\] there and \[64, 96\] here": {"image_size": (64, 96)},
        "split_hash": {},
        "n_copies 0 there and 21 here": {"copies": split_table.set_index("image_id")["path"].to_dict()},
        "n_masks 0 there": {"masks": find_masks(MASKS)},
        "teachers": {"teachers": (tiny_checkpoint,)},
    }.items():
        with pytest.raises(ValueError, match=f"{differs}.*; give another folder or delete this one"):
            train(split_table if changes else others, run, dataclasses.replace(same, **changes))
    assert everything_in(run) == before
    train(split_table, run, same, max_minutes=60)
    assert json.loads((run / "training.json").read_text())["finished"]


def test_a_run_of_an_earlier_version_goes_on(tmp_path, split_table):
    """It has no record of how it was started, and where it was killed no training.json either."""
    run, how = tmp_path / "run", (short(MODERN), "mobilenet_v3_small", None, (64, 64))
    train(split_table, run, TrainConfig(*how), max_minutes=0)
    (run / FINGERPRINT_FILE).unlink()
    (run / "training.json").unlink()
    train(split_table, run, TrainConfig(*how))
    assert json.loads((run / "training.json").read_text())["finished"]
    assert (run / FINGERPRINT_FILE).is_file()


def test_without_checkpoints_a_run_starts_anew_however_the_one_before_did(tmp_path, split_table):
    run, how = tmp_path / "run", ("mobilenet_v3_small", None, (64, 64))
    train(split_table, run, TrainConfig(short(MODERN), *how), max_minutes=0)
    shutil.rmtree(run / "trainer")
    train(split_table, run, TrainConfig(short(MODERN), *how, seed=1))
    assert json.loads((run / FINGERPRINT_FILE).read_text())["seed"] == 1


def test_early_stopping_ends_a_run_for_good(tmp_path, split_table):
    recipe = short(PAPER, epochs=5, early_stopping=1, learning_rate=0.0)  # nothing gets better
    for _ in range(2):
        train(
            split_table, tmp_path / "run", TrainConfig(recipe, "mobilenet_v3_small", weights=None, image_size=(64, 64))
        )
        facts = json.loads((tmp_path / "run" / "training.json").read_text())
        assert facts["epochs_done"] == 2


def test_a_cut_off_trainer_checkpoint_is_dropped(tmp_path):
    (tmp_path / "checkpoint-2").mkdir()
    TrainerState().save_to_json(str(tmp_path / "checkpoint-2" / "trainer_state.json"))
    (tmp_path / "checkpoint-4").mkdir()
    assert last_complete_checkpoint(tmp_path) == str(tmp_path / "checkpoint-2")
    assert not (tmp_path / "checkpoint-4").exists()
    assert last_complete_checkpoint(tmp_path / "none") is None
