"""The paper's tables beside ours, and the script that makes ours."""

import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pandas as pd
import pytest
import torch
from paths import ROOT
from rendered import figures

from hfskin.model.backbone_table import BACKBONES
from hfskin.training.losses import class_weights
from hfskin.training.recipes import CONDITIONS, PAPER
from scripts.paper import timing
from scripts.paper.numbers import TABLE4, TABLE5, TABLE6, TABLE7, TABLE8, TABLE9
from scripts.paper.runs import NOT_RUN, load_runs, load_timing, loss_weights
from scripts.paper.tables import render
from scripts.runner import TimeLimit, run_jobs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def script():
    import scripts.paper.__main__ as module

    return module


class OneStep(TimeLimit):
    """Time enough to begin, on any machine, and none that is left after the first step."""

    left, is_over = 0.0, False


@pytest.fixture(scope="module")
def results(script, table, tmp_path_factory) -> Path:
    """Two runs of one epoch on the 28 lesions; the first is cut off by its time limit, goes on, and is skipped then."""
    folder = tmp_path_factory.mktemp("paper")
    args = Namespace(
        weights_dir=folder, recipe="modern", epochs=1, image_size=(64, 96), seed=0, output=folder / "results",
        runs=folder / "runs", start=None,
    )  # fmt: skip
    split = table.assign(split=["val" if i % 3 == 0 else "train" for i in range(len(table))])
    others = [split.assign(split="train", image_id=split["image_id"] + f"-{i}") for i in range(3)]
    split = pd.concat([split, *others], ignore_index=True)  # leaks lesions, as the paper's does
    arguments = args, split, (200, 150), "mobilenet_v3_small"

    def run(condition: str, limit: TimeLimit) -> None:
        run_jobs([script.job(*arguments, condition, limit)], limit)

    run("metadata", OneStep())
    (cut_off,) = (folder / "runs").iterdir()
    facts = json.loads((cut_off / "training.json").read_text())
    assert (facts["finished"], facts["history"]) == (False, [])
    assert not (folder / "results").exists()
    run("metadata", TimeLimit())
    (metrics,) = (folder / "results").glob("*/metrics.json")
    written = metrics.stat().st_mtime_ns
    run("metadata", TimeLimit())
    assert metrics.stat().st_mtime_ns == written
    run("augmented", TimeLimit())
    return folder / "results"


@pytest.fixture(scope="module")
def timed() -> dict:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timing, "BATCH_SIZES", (1, 2))
        patch.setattr(timing, "ROUNDS", 1)
        return timing.time_backbones(["mobilenet_v3_small"], "cpu")


def section(page: str, title: str) -> list[str]:
    return page.split(f"## {title}")[1].split("\n## ")[0].splitlines()


def test_printed_means_are_those_of_the_classes_where_the_paper_adds_up():
    """A check of the copying. The paper truncates: printed digits and mean may differ by 0.01."""
    tables = {6: TABLE6, 7: TABLE7}
    differ = {
        (number, *key)
        for number, table in tables.items()
        for key, (*classes, mean) in table.items()
        if abs(sum(classes) / len(classes) - mean) > 0.0101
    }
    assert differ == {(6, "inception_resnet_v2", "metadata")}  # its classes give 0.78


def test_the_papers_tables_agree_with_each_other_but_for_one():
    assert set(TABLE4) == {name for name, condition in TABLE6 if condition == "augmented"}
    assert set(TABLE5) == {name for name, condition in TABLE6 if condition == "metadata"}
    assert list(TABLE6) == list(TABLE7)
    assert {name for name in TABLE8 if TABLE8[name][0] != TABLE5[name]} == {"mobilenet_v3_large"}
    assert all(TABLE8[name][3] == TABLE6[name, "metadata"][-1] for name in TABLE8)
    assert all(TABLE8[name][4] == TABLE7[name, "metadata"][-1] for name in TABLE8)
    assert set(NOT_RUN) | set(TABLE9) <= set(BACKBONES)


def test_ours_stand_beside_the_papers_and_say_how_they_were_made(results, timed):
    runs = load_runs(results)
    page = render(runs, timed)
    metadata = next(run for run in runs if run["training"]["condition"] == "metadata")
    accuracy = metadata["results"]["with_metadata"]["metrics"]["accuracy"]
    row = next(line for line in section(page, "Table 5") if line.startswith("| mobilenet_v3_small |"))
    assert f"| 0.78 / {accuracy['value']:.2f} ({accuracy['low']:.2f} to {accuracy['high']:.2f}) |" in row
    assert "modern recipe; 96x64 from 200x150; random initial weights; 1 of 1 epochs; loss weights: " in row
    assert "; metadata; augmented; CPU" in row
    # The paper has no such row: ours stands alone, without the metadata branch and without class weights.
    row = next(line for line in section(page, "Table 4") if line.startswith("| mobilenet_v3_small |"))
    assert "| – / " in row
    assert "loss weights: none; no metadata; augmented" in row
    assert metadata["data"]["leaking_lesions"] > 0
    times = next(line for line in section(page, "Table 9") if line.startswith("| mobilenet_v3_large |"))
    assert times.startswith("| mobilenet_v3_large | 5.5 / 5.5 | 118 / 110 | 0.86 / – | 1.0 / 1.0 | 1.0 / 1.0 |")


def test_every_table_says_that_it_leaks_and_every_empty_cell_why(results):
    for page in (render([], None), render(load_runs(results), None)):
        first, *titles = [line for line in page.splitlines() if line.startswith("## ")]
        assert first == "## What the paper leaves open, and how `--recipe paper` reads it"
        assert [title.split(".")[0] for title in titles[:6]] == [f"## Table {n}" for n in range(4, 10)]
        for title in titles:
            assert "Split: `paper`" in "\n".join(section(page, title[3:]))
            assert "**It leaks**" in "\n".join(section(page, title[3:]))
        empty = [line for line in page.splitlines() if " / – |" in line and not line.startswith("| mobilenet_v3_small")]
        assert len(empty) > 40
        assert all("not run" in line for line in empty)


def test_the_page_counts_what_ran_by_the_papers_recipe(results):
    runs = load_runs(results)
    assert "**0 of 10 backbones ran by the paper's own recipe**." in render(runs, None)
    (run,) = (json.loads(json.dumps(run)) for run in runs if run["training"]["condition"] == "metadata")
    run["training"] |= {"recipe_name": "paper", "epochs_done": 2.5, "finished": False}
    page = render([*runs, run], None)
    assert "**1 of 10 backbones ran by the paper's own recipe** (epochs: mobilenet_v3_small 2.5). Those that" in page
    assert "paper recipe; 96x64 from 200x150; random initial weights; 2.5 of 1 epochs, cut off;" in page


def test_the_loss_weights_are_named_and_the_inverse_share_is_plain(results):
    counts = [327, 514, 1099, 115, 1113, 6705, 142]
    changed = {name: vars(PAPER) | changes for name, changes in CONDITIONS.items()}
    assert loss_weights(changed["metadata"]) == "N/(C·N_c)"
    assert loss_weights(changed["unweighted"]) == "none"
    assert loss_weights(changed["inverse_share"]) == "N/N_c"
    assert loss_weights(changed["metadata"] | {"melanoma_weight": 2.0}) == "N/(C·N_c), melanoma's times 2"
    weights = changed["inverse_share"]["weight_mean"] * class_weights(counts)
    torch.testing.assert_close(weights, sum(counts) / torch.tensor(counts, dtype=torch.float32))
    (run,) = (run for run in load_runs(results) if run["training"]["condition"] == "metadata")
    other = json.loads(json.dumps(run))
    other["training"]["condition"] = "unweighted"
    other["training"]["recipe"]["weight_power"] = 0.0
    rows = [line for line in section(render([run, other], None), "Loss weights") if line.startswith("| mobilenet")]
    assert [line.split(" | ")[1] for line in rows] == ["(N/(C·N_c))^0.75, mean 1", "none"]


def test_a_run_of_another_split_is_refused(results):
    run = load_runs(results)[0]
    run["data"]["split"] = "lesion"
    with pytest.raises(ValueError, match="the split 'lesion' does not belong"):
        render([run], None)


def test_the_committed_page_is_the_rendering_of_the_committed_results():
    folder = ROOT / "results" / "paper"
    page = (ROOT / "docs" / "paper_tables.md").read_text(encoding="utf-8")
    assert figures(page) == figures(render(load_runs(folder), load_timing(folder))), (
        "run: python -m scripts.paper --render"
    )


def test_pretrained_files_are_found_by_timms_name(script, tmp_path):
    (tmp_path / "mobilenetv3_small_100.safetensors").touch()
    assert script.find_weights("mobilenet_v3_small", tmp_path) == str(tmp_path / "mobilenetv3_small_100.safetensors")
    assert script.find_weights("mobilenet_v3_large", tmp_path) is None
    assert script.find_weights("mobilenet_v3_large", None) == "timm"
    assert script.find_weights("nasnet_mobile", None) is None


WITHOUT = """
import importlib.util, sys
find_spec, absent = importlib.util.find_spec, {"datasets", "gradio"}
importlib.util.find_spec = lambda name, *rest: None if name.split(".")[0] in absent else find_spec(name, *rest)
import scripts.paper.tables, hfskin.evaluation.report, hfskin.training.run
assert not absent & set(sys.modules), absent & set(sys.modules)
"""


def test_runs_need_neither_datasets_nor_gradio():
    """The GPU machine lacks them; transformers imports datasets by itself where it is there."""
    subprocess.run([sys.executable, "-c", WITHOUT], check=True, cwd=ROOT)
