"""Whatever answers, measures or is shown goes by the same `prepare -> run -> Prediction`."""

import json
import shutil
import sys
import threading
from collections import Counter

import numpy as np
import pytest
from paths import DATA
from typer.testing import CliRunner

import hfskin
from hfskin.checkpoints.layout import EMBEDDED_CHECKPOINT, ONNX_FILE
from hfskin.cli import app
from hfskin.data.dataset import LesionDataset
from hfskin.demo.checkpoints import Checkpoints
from hfskin.demo.look import Question, look, views
from hfskin.inference.batch.predictions import predict_table
from hfskin.model.image_reading import read_image
from hfskin.model.preprocessing import Preprocessing
from hfskin.words import en as text

pytestmark = pytest.mark.slow


@pytest.fixture
def changed(tmp_path):
    """A function that makes a copy of the embedded checkpoint with another preprocessing."""

    def change(**values):
        folder = tmp_path / "changed"
        shutil.copytree(EMBEDDED_CHECKPOINT, folder, ignore=shutil.ignore_patterns(ONNX_FILE))
        file = folder / "preprocessor_config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | values))
        return folder

    return change


@pytest.mark.parametrize("values", [{"do_normalize": False}, {"rescale_factor": 1 / 127.5}, {"do_rescale": False}])
def test_metrics_measure_what_answers(changed, embedded, table, values):
    pipeline, rows = hfskin.load(changed(**values)), table.iloc[::7].reset_index(drop=True)
    measured = predict_table(pipeline, rows).probabilities
    patients = [list(rows[field]) for field in ("age", "sex", "localization")]
    answers = pipeline(list(rows["path"]), *patients)
    np.testing.assert_allclose(measured, [list(a.scores.values()) for a in answers], atol=1e-6)
    before = predict_table(embedded, rows).probabilities
    assert np.abs(measured - before).max() > 0.1  # else the setting would have changed nothing
    trained_on = LesionDataset(rows, pipeline.image_processor, in_memory=True)[1]["pixel_values"]
    np.testing.assert_allclose(trained_on, pipeline.prepare(rows["path"][1]).pixel_values)


def test_a_graph_is_measured_as_its_checkpoint_is(tmp_path):
    reports = []
    for model in (EMBEDDED_CHECKPOINT / ONNX_FILE, EMBEDDED_CHECKPOINT):
        output = tmp_path / "metrics.json"
        backend = ["--backend", "torch"] if model == EMBEDDED_CHECKPOINT else []
        command = ["evaluate", "--model", model, "--data", DATA, "--split", "all", "-o", output, *backend]
        result = CliRunner().invoke(app, [str(part) for part in command])
        assert result.exit_code == 0, result.output
        reports.append(json.loads(output.read_text()))
    graph, reference = reports
    assert (graph["environment"]["backend"], reference["environment"]["backend"]) == ("onnx", "torch")
    for name in ("with_metadata", "without_metadata"):
        found, expected = (r["results"][name]["metrics"]["bma"]["value"] for r in reports)
        assert found == pytest.approx(expected, abs=1e-6)
    assert graph["gate"]["negatives"]["all"]["auroc"] == pytest.approx(reference["gate"]["negatives"]["all"]["auroc"])


def test_what_an_option_needs_is_said(lesion_path, tmp_path):
    common = ["evaluate", "--data", str(DATA), "--split", "all", "--copies", str(DATA)]
    result = CliRunner().invoke(app, common)
    assert (result.exit_code, "--robustness" in result.output) == (2, True)


@pytest.mark.parametrize("view", [name for _, name in views(text)])
def test_the_page_reads_and_prepares_a_picture_once(view, lesion_path, page_checkpoint):
    calls: Counter = Counter()

    def count(frame, event, argument):
        if event == "call":
            calls[frame.f_code] += 1

    threading.setprofile(count)  # of the model's thread too, which begins here
    try:
        checkpoints = Checkpoints(str(page_checkpoint))
        look(checkpoints, Question(str(lesion_path), (55, "male", "back")), view, None, text)  # the thread runs
        calls.clear()
        sys.setprofile(count)
        words, figure = look(checkpoints, Question(str(lesion_path), (55, "male", "back")), view, None, text)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    assert figure
    assert text.FAILED not in words
    assert calls[read_image.__code__] == 1
    assert calls[Preprocessing.__call__.__code__] == 1


def test_what_was_prepared_for_another_checkpoint_is_refused(tiny_checkpoint, embedded, lesion_path):
    prepared = embedded.prepare(lesion_path, age=55)
    assert embedded(prepared).probabilities == pytest.approx(embedded(lesion_path, age=55).probabilities, abs=1e-6)
    with pytest.raises(ValueError, match="prepared for another checkpoint"):
        hfskin.load(tiny_checkpoint)(prepared)
