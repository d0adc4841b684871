import importlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import typer
from paths import ROOT
from PIL import Image
from rendered import figures
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from hfskin.data.ham10000 import find_images, find_masks
from hfskin.data.splits import check_leaks
from hfskin.model.backbones import create_backbone
from hfskin.model.labels import CLASSES
from hfskin.training.resume import last_complete_checkpoint
from hfskin.training.trainer import EMA_FILE
from scripts.folds.report import FOLDS, describe_training, fold_split, predict_fold, put_into, summarise_folds
from scripts.folds.schedule import Schedule, train_by_schedule
from scripts.runner import TimeLimit, run_jobs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def many(table) -> pd.DataFrame:
    """112 lesions, 16 a class: the 28 of tests/data under four names each, enough for ten tenths."""
    copies = [table.assign(**{c: table[c] + f"-{i}" for c in ("image_id", "lesion_id")}) for i in range(4)]
    return pd.concat(copies, ignore_index=True)


def script(name: str):
    return importlib.import_module(f"scripts.{name}")


def test_folds_test_every_picture_once_and_leak_nothing(many):
    splits = [fold_split(many, fold) for fold in range(FOLDS)]
    tested = np.stack([(split["split"] == "test").to_numpy() for split in splits])
    assert (tested.sum(axis=0) == 1).all()
    for split in splits:
        assert check_leaks(split) == 0
        assert set(split["split"]) == {"train", "val", "test"}


@pytest.fixture(scope="module")
def copies(many, tmp_path_factory) -> dict[str, Path]:
    """Squashed files of every other picture."""
    folder = tmp_path_factory.mktemp("copies")
    for row in many.iloc[::2].itertuples():
        Image.open(row.path).resize((60, 60)).save(folder / f"{row.image_id}.png")
    return find_images([folder])


@pytest.fixture(scope="module")
def answers(many, copies, tiny_checkpoint) -> pd.DataFrame:
    folds = [predict_fold(tiny_checkpoint, fold_split(many, fold), fold, copies) for fold in range(FOLDS)]
    return pd.concat(folds).sample(frac=1, random_state=0)  # in any order


@pytest.fixture(scope="module")
def report(many, answers) -> dict:
    facts = {"backbone": "b", "backbone_weights": "w", "image_size": [96, 128], "recipe": {"epochs": 1}, "device": "d"}
    return json.loads(json.dumps(summarise_folds(many, answers) | {"training": [facts]}))


def bma_of(rows: pd.DataFrame, suffix: str) -> float:
    said = rows[[c + suffix for c in CLASSES]].to_numpy().argmax(axis=1)
    return np.mean([(said[rows["dx"] == c] == i).mean() for i, c in enumerate(CLASSES)])


def test_out_of_fold_figures_are_those_of_the_answers(many, answers, report):
    assert (report["images"], report["folds"]) == (112, [0, 1, 2, 3, 4])
    rows = many.merge(answers, on="image_id")
    for name, suffix in (("with_metadata", ""), ("without_metadata", "_alone"), ("mirrored", "_mirrored")):
        assert report["results"][name]["metrics"]["bma"]["value"] == pytest.approx(bma_of(rows, suffix))
        assert len(report["results"][name]["by_fold"]["bma"]["values"]) == FOLDS
    assert any((rows[c] != rows[f"{c}_mirrored"]).any() for c in CLASSES)
    true = rows[list(CLASSES)].to_numpy()[np.arange(112), [CLASSES.index(dx) for dx in rows["dx"]]]
    best = rows[list(CLASSES)].to_numpy().max(axis=1)
    covered = (true >= 0.1) | (true == best)  # 0.1 is the tiny checkpoint's threshold
    assert report["results"]["with_metadata"]["coverage"]["value"] == pytest.approx(covered.mean())
    alarms = rows[["mel", "bcc", "akiec"]].sum(axis=1) >= rows["malignant_threshold"]
    malignant = rows["dx"].isin(["mel", "bcc", "akiec"])
    told = report["results"]["with_metadata"]["malignancy"]
    assert told["sensitivity"]["value"] == pytest.approx(alarms[malignant].mean())
    assert told["specificity"]["value"] == pytest.approx(1 - alarms[~malignant].mean())
    page = script("folds.__main__").render_page(report, {})
    assert "112 pictures of 112 lesions" in page
    assert f"| mean ± sd | {report['results']['with_metadata']['by_fold']['bma']['mean']:.3f} ±" in page


def test_copies_are_compared_with_the_same_pictures(many, copies, answers, report):
    rows = many.merge(answers, on="image_id")
    rows = rows[rows["image_id"].isin(copies)]
    told = report["copies"]
    assert told["n"] == len(rows) == 56
    assert told["bma"]["value"] == pytest.approx(bma_of(rows, "_copy"))
    assert told["unchanged"]["value"] == pytest.approx(bma_of(rows, ""))
    assert told["difference"]["value"] == pytest.approx(told["bma"]["value"] - told["unchanged"]["value"])
    assert "From other, sharper files of 56 of the pictures" in script("folds.__main__").render_page(report, {})


def test_the_folds_stand_beside_a_checkpoints_own_figures(report, tmp_path):
    folds, metrics = tmp_path / "folds.json", tmp_path / "metrics.json"
    folds.write_text(json.dumps(report))
    metrics.write_text('{"schema_version": 1}')
    put_into(metrics, folds)
    told = json.loads(metrics.read_text())["cross_validation"]
    assert told["results"]["with_metadata"]["bma"] == report["results"]["with_metadata"]["metrics"]["bma"]
    assert told["training"].startswith("b from w, 128x96, d: 1 epochs")
    folds.write_text("{}")
    with pytest.raises(ValueError, match="not a report of scripts/folds"):
        put_into(metrics, folds)


def test_the_training_goes_on_in_rounds_and_where_it_was_cut_off(many, tmp_path):
    weights = tmp_path / "initial.safetensors"
    save_file(create_backbone("mobilenet_v3_small").state_dict(), weights)
    masks = {f"{name}-{i}": file for name, file in find_masks(ROOT / "tests" / "masks").items() for i in range(4)}
    schedule = Schedule("mobilenet_v3_small", str(weights), (32, 48), (1, 1), masks=masks, member_weights=str(weights))
    split, runs = fold_split(many, 0), tmp_path / "runs"
    for seconds in (-1, 0.1):
        assert train_by_schedule(split, runs, schedule, limit=TimeLimit(seconds / 60)) is None
    checkpoint = train_by_schedule(split, runs, schedule)
    assert checkpoint == runs / "joined"
    mean = runs / "round3-mean"
    start = load_file(runs / "round2-mean" / "model.safetensors")
    end = load_file(Path(last_complete_checkpoint(runs / "round3" / "trainer")) / EMA_FILE)
    for name, value in load_file(mean / "model.safetensors").items():
        torch.testing.assert_close(value, ((start[name].double() + end[name].double()) / 2).to(value.dtype))

    written = (checkpoint / "model.safetensors").stat().st_mtime_ns
    assert train_by_schedule(split, runs, schedule) == checkpoint
    assert (checkpoint / "model.safetensors").stat().st_mtime_ns == written
    with pytest.raises(ValueError, match="was trained in another way"):
        train_by_schedule(split, runs, replace(schedule, epochs=(2, 1)))

    facts = json.loads((checkpoint / "training.json").read_text())
    told = describe_training([facts, facts])
    assert told.startswith("mobilenet_v3_small from initial.safetensors, 48x32")
    assert (
        "; then 1 epochs (classes sampled as they occur, melanoma weighing 2 times as much, early layers kept)" in told
    )
    assert "Soft-Attention supervised by masks) and the mean with what it went on from; then 3 epochs (" in told
    assert "augmentation at 0.2 of its strength" in told.split("; ")[3]
    assert told.split("; ")[4:] == [
        "beside it, mobilenet_v3_small from initial.safetensors: 4 epochs (rare classes sampled more often, "
        "melanoma weighing 1.5 times as much, augmentation at 0.3 of its strength)",
        "together they answer with the mean of their logits",
    ]
    with pytest.raises(ValueError, match="different ways"):
        describe_training([facts, facts["before"]])


def test_what_was_tried_stands_in_the_page(report, tmp_path):
    folds = script("folds.__main__")
    for fold, bma in enumerate((0.5, 0.7)):
        (tmp_path / "runs" / f"fold{fold}").mkdir(parents=True)
        history = [{"eval_bma": b, "eval_auc": 0.9, "eval_melanoma": 0.6} for b in (0.1, bma)]
        facts = report["training"][0] | {"history": history, "minutes_of_last_session": 2.0 + fold}
        (tmp_path / "runs" / f"fold{fold}" / "training.json").write_text(json.dumps(facts))
    (tmp_path / "metrics.json").write_text(json.dumps(report))
    arguments = ["--record", tmp_path / "runs", "-o", tmp_path, "--page", tmp_path / "page.md"]
    command = typer.Typer()
    command.command()(folds.main)
    result = CliRunner().invoke(command, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    rows = [line for line in (tmp_path / "page.md").read_text().splitlines() if line.startswith("| b from w")]
    assert [row.split(" | ")[1:] for row in rows] == [["2", "0.600 ± 0.141", "0.900 ± 0.000", "0.600 ± 0.000", "2.5 |"]]


def run_experiments(names, many, copies, folder: Path) -> tuple[list[dict], list[str]]:
    """The rows that small runs of experiments give, and what was said."""
    experiments, limit, said = script("ablations"), TimeLimit(), []
    output, setting = folder / "rows.json", ("modern", "mobilenet_v3_small", None, (32, 48), 1)
    jobs = (experiments.job(many, copies, name, 2, setting, limit, folder / "runs", output) for name in names)
    run_jobs(jobs, limit, said.append)
    return experiments.read_rows(output), said


def test_an_experiment_adds_its_row_once(many, tmp_path):
    experiments = script("ablations")
    names = ("unchanged", "no Soft-Attention", "unchanged", "flattened instead of averaged")
    rows, said = run_experiments(names, many, None, tmp_path)
    assert said == ["mobilenet_v3_small-32x48-modern-1epochs-unchanged-seed2: done before"]
    assert sorted(row["change"] for row in rows) == ["flattened instead of averaged", "no Soft-Attention", "unchanged"]
    page = experiments.render_page(rows)
    with_it, without = (next(r for r in rows if r["change"] == c) for c in ("unchanged", "no Soft-Attention"))
    assert f"| {without['bma']:.3f} | {without['bma'] - with_it['bma']:+.3f} |" in page


def test_without_augmentation_no_copy_is_used(many, copies, tmp_path):
    experiments = script("ablations")
    names = [name for name, changes in experiments.EXPERIMENTS.items() if changes.get("augment") == 0]
    rows, _ = run_experiments(("unchanged", *names), many, copies, tmp_path)
    found = {row["change"]: row["n_copies"] for row in rows}
    assert found.pop("unchanged") > 0
    assert found == dict.fromkeys(names, 0) != {}
    assert all(row["n_copies"] == 0 for row in experiments.read_rows(experiments.RESULTS) if row["change"] in names)


@pytest.fixture
def row() -> dict:
    """One of results/experiments.json, without what a test is about."""
    row = {
        "change": "unchanged",
        "recipe": "modern",
        "backbone": "b",
        "backbone_weights": None,
        "image_size": [3, 4],
        "epochs": 1,
        "device": "d",
    }
    return row | dict.fromkeys(("bma", "auc", "accuracy", "melanoma_sensitivity", "minutes"), 0.5)


def test_seeds_stand_in_one_table_though_their_training_parts_differ(row):
    experiments = script("ablations")
    rows = [row | {"seed": seed, "n_copies": n} for seed, n in enumerate((0, 11, 10))]
    page = experiments.render_page(rows)
    assert page.count("## `modern`: b, 4x3") == 1
    assert "From random weights, some training pictures with a sharper copy; d." in page
    assert "| unchanged | 3 | 0.500 |" in page
    assert "sharper" not in experiments.render_page(rows[:1])


def test_a_difference_stands_with_its_interval_by_students_t(row):
    """The factors are those of a printed table: 12.706 and 4.303 for one and two degrees of freedom."""
    experiments = script("ablations")
    changed = [0.51, 0.52, 0.54]
    rows = [row | {"seed": s, "n_copies": 0} for s in range(3)]
    rows += [row | {"seed": s, "n_copies": 0, "change": "no metadata", "bma": b} for s, b in enumerate(changed)]
    deviations = {2: 0.005 * 2**0.5, 3: (0.0007 / 3) ** 0.5}  # of 0.01, 0.02 and of these and 0.04
    for n, mean, factor in ((2, 0.015, 12.706), (3, 0.07 / 3, 4.303)):
        page = experiments.render_page([r for r in rows if r["seed"] < n])
        assert f" | {mean:+.3f} ± {factor * deviations[n] / n**0.5:.3f} | " in page
    assert "| no metadata | 1 | 0.510 | +0.010 |" in experiments.render_page([r for r in rows if r["seed"] < 1])


def test_the_names_of_all_experiments_can_be_given():
    experiments = script("ablations")
    assert ",".join(experiments.EXPERIMENTS).split(",") == list(experiments.EXPERIMENTS)


def test_the_pages_are_rendered_from_the_committed_results():
    experiments, folds = script("ablations"), script("folds.__main__")
    if experiments.RESULTS.is_file():
        page = experiments.render_page(experiments.read_rows(experiments.RESULTS))
        assert figures(experiments.PAGE.read_text()) == figures(page), "run: python -m scripts.ablations --render"
    if (folds.RESULTS / "metrics.json").is_file():
        page = folds.render_page(*folds.read_results(folds.RESULTS))
        assert figures(folds.PAGE.read_text()) == figures(page), "run: python -m scripts.folds --render"
