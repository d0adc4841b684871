import numpy as np
import pytest
from PIL import Image

from hfskin.data.robustness import TRANSFORMS
from hfskin.data.splits import make_split
from hfskin.evaluation.bootstrap import LesionBootstrap
from hfskin.evaluation.report import evaluate
from hfskin.evaluation.robustness import _promises, predict_copies, summarise_robustness
from hfskin.inference.batch.predictions import Predictions, predict_table
from hfskin.inference.decisions import is_malignant, is_suspicious
from hfskin.model.configuration_hfskin import HfskinConfig

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def few(table):
    """One picture a class, so that BMA is over seven."""
    return table.groupby("dx").head(1).reset_index(drop=True)


@pytest.mark.parametrize("kind", TRANSFORMS)
def test_every_transform_gives_another_picture(kind, lesion_path):
    with Image.open(lesion_path) as file:
        original = file.convert("RGB")
    changed = TRANSFORMS[kind](original).convert("RGB")
    same_size = changed.size == original.size
    assert not same_size or (np.asarray(changed) != np.asarray(original)).mean() > 0.1


def test_the_summary_pairs_each_transform_with_the_unchanged_pictures(embedded, few):
    copies = {few["image_id"][0]: few["path"][0]}
    summary = summarise_robustness(embedded, few, copies)
    assert list(summary["kinds"]) == list(TRANSFORMS)
    before = summary["unchanged"]["bma"]["value"]
    for row in summary["kinds"].values():
        assert row["difference"]["value"] == pytest.approx(row["bma"]["value"] - before)
    enlarged = summary["kinds"]["enlarged three times"]["difference"]["value"]
    assert abs(enlarged) < 1.5 / 7  # the processor shrinks it again; at most one picture that stood between two classes
    assert all(0 <= row["accepted"]["value"] <= 1 for row in (summary["unchanged"], *summary["kinds"].values()))
    promised = summary["calibration"]
    plain = predict_table(embedded, few)
    alarm = is_suspicious(plain.probabilities, embedded.config.malignant_threshold)
    malignant = is_malignant(plain.labels)
    assert promised["unchanged"]["sensitivity"]["value"] == pytest.approx(alarm[malignant].mean())
    assert promised["unchanged"]["specificity"]["value"] == pytest.approx(1 - alarm[~malignant].mean())
    assert promised["mean"]["ece"]["value"] != promised["unchanged"]["ece"]["value"]
    assert 0 < promised["mean"]["coverage"]["value"] <= 1
    averaged = predict_table(embedded, few, tta=True)
    right = averaged.probabilities.argmax(axis=1) == averaged.labels  # one picture a class
    assert summary["mirrored"]["bma"]["value"] == pytest.approx(right.mean())
    assert summary["copies"]["n"] == 1
    assert summary["copies"]["difference"]["value"] == 0  # a copy that is the same file


def test_the_alarm_is_of_the_checkpoints_own_malignant_classes():
    labels = np.array([0, 1, 2, 1])
    answers = Predictions(np.log(np.eye(3)[[0, 1, 2, 0]] + 0.1), None, None, labels, labels.astype(str))
    config = HfskinConfig(
        backbone="mobilenet_v3_small", id2label=dict(enumerate(["harmless", "dangerous", "other"])),
        malignant_labels=["dangerous"], malignant_threshold=0.5,
    )  # fmt: skip
    kept = _promises(answers, config, LesionBootstrap(np.arange(4)))
    assert (kept["sensitivity"][0], kept["specificity"][0]) == (0.5, 1)


def test_copies_of_pictures_that_are_bytes(embedded, few, tmp_path):
    """As those of a data set of the Hub are; the copy is squeezed to their aspect."""
    rows, copies = few[:2], {}
    for row in rows.itertuples():
        copies[row.image_id] = tmp_path / f"{row.image_id}.png"
        with Image.open(row.path) as picture:
            picture.resize((224, 224)).save(copies[row.image_id])
    files, read = (
        predict_copies(embedded, table, copies).logits
        for table in (rows, rows.assign(path=[path.read_bytes() for path in rows["path"]]))
    )
    np.testing.assert_array_equal(read, files)


def test_the_report_holds_them_only_when_asked(tiny_checkpoint, few):
    report = evaluate(tiny_checkpoint, make_split(few, "all"), "all")
    assert report["shifts"] is None
    assert report["localisation"] is None
