import importlib.util
import json
import math
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from hfskin.cli import app
from hfskin.data.splits import check_leaks
from hfskin.evaluation.cross_validation import FOLDS, describe_training, fold_split, predict_fold, summarise_folds
from hfskin.model.labels import CLASSES
from hfskin.training.checkpoints import last_complete_checkpoint

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def many(table) -> pd.DataFrame:
    """112 lesions, 16 a class: the 28 of tests/data under four names each, enough for ten tenths."""
    copies = [table.assign(**{c: table[c] + f"-{i}" for c in ("image_id", "lesion_id")}) for i in range(4)]
    return pd.concat(copies, ignore_index=True)


def script(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_folds_test_every_picture_once_and_leak_nothing(many):
    splits = [fold_split(many, fold) for fold in range(FOLDS)]
    tested = np.stack([(split["split"] == "test").to_numpy() for split in splits])
    assert (tested.sum(axis=0) == 1).all()
    for split in splits:
        assert check_leaks(split) == 0
        assert set(split["split"]) == {"train", "val", "test"}


@pytest.fixture(scope="module")
def answers(many, tiny_checkpoint) -> pd.DataFrame:
    folds = [predict_fold(tiny_checkpoint, fold_split(many, fold), fold) for fold in range(FOLDS)]
    return pd.concat(folds).sample(frac=1, random_state=0)  # in any order


@pytest.fixture(scope="module")
def report(many, answers) -> dict:
    facts = {"backbone": "b", "backbone_weights": "w", "image_size": [96, 128], "recipe": {"epochs": 1}, "device": "d"}
    return json.loads(json.dumps(summarise_folds(many, answers) | {"training": [facts]}))


def test_out_of_fold_figures_are_those_of_the_answers(many, answers, report):
    assert (report["images"], report["folds"]) == (112, [0, 1, 2, 3, 4])
    rows = many.merge(answers, on="image_id")
    for name, suffix in (("with_metadata", ""), ("without_metadata", "_alone")):
        said = rows[[c + suffix for c in CLASSES]].to_numpy().argmax(axis=1)
        recalls = [(said[rows["dx"] == c] == i).mean() for i, c in enumerate(CLASSES)]
        assert report["results"][name]["metrics"]["bma"]["value"] == pytest.approx(np.mean(recalls))
        assert len(report["results"][name]["by_fold"]["bma"]["values"]) == FOLDS
    true = rows[list(CLASSES)].to_numpy()[np.arange(112), [CLASSES.index(dx) for dx in rows["dx"]]]
    best = rows[list(CLASSES)].to_numpy().max(axis=1)
    covered = (true >= 0.1) | (true == best)  # 0.1 is the tiny checkpoint's threshold
    assert report["results"]["with_metadata"]["coverage"]["value"] == pytest.approx(covered.mean())
    page = script("cross_validate").render_page(report)
    assert "112 pictures of 112 lesions" in page
    assert f"| mean ± sd | {report['results']['with_metadata']['by_fold']['bma']['mean']:.3f} ±" in page


def test_evaluate_puts_the_folds_beside_its_own_figures(report, tiny_checkpoint, data_folder, tmp_path):
    folds, output = tmp_path / "folds.json", tmp_path / "metrics.json"
    folds.write_text(json.dumps(report))
    arguments = ["--data", data_folder, "--model", tiny_checkpoint, "--split", "all", "-o", output, "--fold-report"]
    result = CliRunner().invoke(app, ["evaluate", *map(str, [*arguments, folds])])
    assert result.exit_code == 0, result.output
    told = json.loads(output.read_text())["cross_validation"]
    assert told["results"]["with_metadata"]["bma"] == report["results"]["with_metadata"]["metrics"]["bma"]
    assert told["training"].startswith("b from w, 128x96, 1 epochs")
    folds.write_text("{}")
    result = CliRunner().invoke(app, ["evaluate", *map(str, [*arguments, folds])])
    assert (result.exit_code, "not a report of scripts/cross_validate.py" in result.output) == (2, True)


def test_a_fold_is_the_average_of_three_runs_and_goes_on_where_it_was_cut_off(many, tmp_path):
    folds = script("cross_validate")
    split, model = fold_split(many, 0), ("mobilenet_v3_small", None, (32, 48))
    for seconds in (-1, 0.1):
        assert folds.train_fold(split, None, 0, model, (1, 1), time.monotonic() + seconds, tmp_path) is None
    checkpoint = folds.train_fold(split, None, 0, model, (1, 1), math.inf, tmp_path)
    runs = [tmp_path / name for name in ("fold0", "fold0-again1", "fold0-again2")]
    states = [load_file(Path(last_complete_checkpoint(run / "trainer")) / "ema.safetensors") for run in runs]
    for name, value in load_file(checkpoint / "model.safetensors").items():
        mean = torch.stack([state[name].double() for state in states]).mean(dim=0)
        torch.testing.assert_close(value, mean.to(value.dtype))
    with pytest.raises(ValueError, match="was trained in another way"):
        folds.train_fold(split, None, 0, model, (2, 1), math.inf, tmp_path)
    facts = json.loads((checkpoint / "training.json").read_text())
    assert facts["recipe"]["sampling_power"] == 0.5
    assert "from there 2 runs of 1 epochs more" in describe_training([facts, facts])
    with pytest.raises(ValueError, match="different ways"):
        describe_training([facts, facts["before"] | {"averaged": []}])


def test_an_experiment_adds_its_row_once(many, tmp_path):
    experiments = script("experiments")
    output, setting = tmp_path / "rows.json", ("mobilenet_v3_small", None, (32, 48), 1)
    for name in ("modern", "no Soft-Attention", "modern"):
        experiments.run_one(many, None, name, 2, setting, None, tmp_path / "runs", output)
    rows = experiments.read_rows(output)
    assert sorted(row["change"] for row in rows) == ["modern", "no Soft-Attention"]
    page = experiments.render_page(rows)
    with_it, without = (next(r for r in rows if r["change"] == c) for c in ("modern", "no Soft-Attention"))
    assert f"| {without['bma']:.3f} | {without['bma'] - with_it['bma']:+.3f} |" in page


def test_seeds_stand_in_one_table_though_their_training_parts_differ():
    experiments = script("experiments")
    row = {
        "change": "modern",
        "backbone": "b",
        "backbone_weights": None,
        "image_size": [3, 4],
        "epochs": 1,
        "device": "d",
    }
    row |= dict.fromkeys(("bma", "auc", "accuracy", "melanoma_sensitivity", "minutes"), 0.5)
    rows = [row | {"seed": seed, "n_copies": n} for seed, n in enumerate((10, 11, 0))]
    page = experiments.render_page(rows)
    assert page.count("## b, 4x3") == 2  # with copies and without
    assert "| modern | 2 | 0.500 |" in page


def test_the_names_of_all_experiments_can_be_given():
    experiments = script("experiments")
    assert ",".join(experiments.EXPERIMENTS).split(",") == list(experiments.EXPERIMENTS)


def test_the_pages_are_rendered_from_the_committed_results():
    experiments, folds = script("experiments"), script("cross_validate")
    if experiments.RESULTS.is_file():
        page = experiments.render_page(experiments.read_rows(experiments.RESULTS))
        assert experiments.PAGE.read_text() == page, "run: python scripts/experiments.py --render"
    if (folds.RESULTS / "metrics.json").is_file():
        page = folds.render_page(json.loads((folds.RESULTS / "metrics.json").read_text()))
        assert folds.PAGE.read_text() == page, "run: python scripts/cross_validate.py --render"
