"""The benchmark: paired rounds, a small real measurement, and the page of the committed results."""

import importlib.util
import json
import time
from argparse import Namespace

import pytest
from paths import ROOT
from rendered import figures

import hfskin
from scripts.benchmark.networks import contenders, embedded
from scripts.benchmark.page import render
from scripts.benchmark.pieces import profile_of
from scripts.benchmark.ratios import missed, ratio
from scripts.paper.timing import alternate

pytestmark = pytest.mark.slow

RESULTS = ROOT / "results" / "benchmark.json"
PAGE = ROOT / "docs" / "benchmark.md"


@pytest.fixture(scope="module")
def script():
    import scripts.benchmark.__main__ as module

    return module


@pytest.fixture(scope="module")
def measured(script) -> dict:
    """The embedded checkpoint, one round of one picture."""
    args = Namespace(device="cpu", threads=1, rounds=1)
    return script.measure_networks(embedded(), args, (1,), 1, compiled=False)


def report_of(script, networks: dict, **pieces) -> dict:
    machine = script.machine(Namespace(device="cpu", threads=1))
    return {"command": "COMMAND", "finished": True, "machine": machine, "networks": networks, **pieces}


def test_contenders_take_turns_and_the_warm_up_does_not_count():
    calls = []
    runs = {name: lambda name=name: calls.append(name) for name in "abc"}
    seconds = alternate(runs, rounds=2, warm_up=1)
    assert calls == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]
    assert {name: len(values) for name, values in seconds.items()} == {"a": 2, "b": 2, "c": 2}


def test_a_turn_is_the_mean_of_the_calls_that_fit():
    calls = []
    (mean,) = alternate({"nap": lambda: (calls.append(0), time.sleep(0.01))}, 1, warm_up=0, turn=0.05)["nap"]
    assert 2 <= len(calls) <= 5
    assert mean >= 0.01


def test_a_ratio_is_that_of_the_same_round():
    """A machine that slows down between rounds changes no ratio."""
    times = {"eager": [1.2, 12.0, 2.4], "bare": [1.0, 10.0, 2.0]}
    assert ratio(times, "eager", "bare") == pytest.approx((1.2, 1.2, 1.2))
    assert missed({"1": times}) == [("eager", "bare", "1")]
    assert missed({"1": {**times, "eager": [1.05, 10.5, 2.1]}}) == []


def test_a_measurement_holds_every_contender_and_onnx_answers_as_torch_does(measured):
    assert measured["seconds"]["1"].keys() == measured["peak_mb"].keys() == {"bare", "eager", "channels_last", "onnx"}
    assert all(value > 0 for values in measured["seconds"]["1"].values() for value in values)
    assert measured["logits_difference"] < 1e-4
    assert (measured["backbone"], measured["image_size"]) == (
        "efficientnet_lite0 and mobilenet_v3_small",
        list(hfskin.load().config.image_size),
    )
    # Without torch a process is far smaller; a number that counted its parent's memory would not be.
    assert 10 < measured["peak_mb"]["onnx"] < 0.7 * measured["peak_mb"]["eager"]


def test_profiles_name_what_the_whole_model_adds_and_what_onnx_runtime_runs():
    args = Namespace(device="cpu", threads=1)
    runs = contenders(embedded(), 1, "cpu", 1)
    added = profile_of(embedded(), {name: runs[name] for name in ("eager", "bare")}, 1, args)
    assert added
    assert all(row["milliseconds"]["eager"] > row["milliseconds"]["bare"] for row in added)
    kernels = profile_of(embedded(), {name: runs[name] for name in ("onnx", "eager")}, 1, args)
    assert any("Conv" in row["operator"] and row["milliseconds"]["onnx"] > 0 for row in kernels)


def test_a_missed_bound_is_bold_and_explained(script, measured):
    slow = {"bare": [0.01], "eager": [0.013], "onnx": [0.002]}
    operators = [{"operator": "aten::conv2d", "milliseconds": {"eager": 9.0, "bare": 7.0}}]
    row = {**measured, "seconds": {"1": slow}, "profiles": {"eager, batch 1": operators}}
    page = render(report_of(script, {"embedded": row}))
    assert "**1.30** (1.30 to 1.30) | 0.15 (0.15 to 0.15)" in page
    assert "| whole / bare, batch 1 | 1.10 | 1.30 | 0 of 1 | embedded (1.30) |" in page
    assert "| ONNX / whole, batch 1 | 0.35 | 0.15 | 1 of 1 | none |" in page
    assert "| `aten::conv2d` | 9.00 | 7.00 |" in page.split("## Where a bound is missed")[1]


def test_a_run_that_was_cut_off_says_so(script):
    report = report_of(script, {}, keras={"absent": "no TensorFlow"})
    assert "cut off" not in render(report)
    page = render({**report, "finished": False})
    assert "**The run was cut off: what follows is what it had.**" in page
    assert "Not measured: no TensorFlow." in page


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is not None, reason="Keras would be measured for minutes")
def test_one_piece_is_measured_again_and_the_rest_stays(script, monkeypatch, tmp_path):
    output = tmp_path / "benchmark.json"
    before = report_of(script, {}, keras={"absent": "before"})
    output.write_text(json.dumps(before))
    typed = ["--only", "keras", "--rounds", "1", "--threads", "1", "-o", str(output)]
    monkeypatch.setattr("sys.argv", ["benchmark.py", *typed])
    script.measure_again(script.parse_arguments())
    after = json.loads(output.read_text())
    assert after["keras"]["absent"].startswith("no TensorFlow")
    assert all(after[name] == before[name] for name in before if name != "keras")
    again = "python -m scripts.benchmark --only keras --device cpu --rounds 1 --threads 1"
    assert f"Measured again since: keras, by `{again}` on " in render(after)


def test_a_piece_that_needs_data_asks_for_it(script, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["benchmark.py", "--only", "int8"])
    with pytest.raises(SystemExit):
        script.parse_arguments()
    assert "--only int8 needs --data" in capsys.readouterr().err


def test_the_command_names_no_folder_of_this_machine(script, monkeypatch):
    typed = [
        "--data=/home/me/data",
        "--rounds",
        "3",
        "--threads=1",
        "--keras-python",
        "/opt/python",
        "-o",
        "/tmp/x.json",
    ]
    monkeypatch.setattr("sys.argv", ["benchmark.py", *typed])
    expected = "python -m scripts.benchmark --data HAM10000 --keras-python PYTHON --device cpu --rounds 3 --threads 1"
    assert script.command(script.parse_arguments()) == expected


def test_the_committed_page_is_the_rendering_of_the_committed_results():
    if not RESULTS.is_file():
        assert not PAGE.exists(), "a page without results"
        return
    text = RESULTS.read_text(encoding="utf-8")
    assert str(ROOT) not in text
    page = figures(PAGE.read_text(encoding="utf-8"))
    assert page == figures(render(json.loads(text))), "run: python -m scripts.benchmark --render"
