"""The model card: true to metrics.json and config.json, readable for the Hub, and not easily broken."""

import copy
import json
import re

import numpy as np
import pytest
import yaml
from huggingface_hub import ModelCard
from paths import ROOT
from rendered import figures

from hfskin import CLASSES
from hfskin.checkpoints.hub import HubError
from hfskin.checkpoints.layout import EMBEDDED_CHECKPOINT
from hfskin.hub.card import card_data, render_card, write_card
from hfskin.hub.formatting import number, of_100, percent

MODEL_CARDS = ROOT / "model_cards"


def measured(value):
    return {"value": value, "low": value - 0.05, "high": value + 0.05}


def results():
    rates = ("sensitivity", "specificity", "precision", "f1", "auc")
    shares = {dx: {"said": 0.19, "found": 0.11} for dx in CLASSES}
    errors = {
        "ece": measured(0.06),
        "ece_by_chance": {"value": 0.0291, "high": 0.0413},
        "brier": measured(0.3),
        "nll": 0.61,
        "class_shares": shares,
    }
    return {
        "metrics": {
            **{key: measured(0.75) for key in ("bma", "auc_macro", "auc_micro", "accuracy")},
            "macro": {"f1": measured(0.7)},
            "per_class": {dx: {"n": 1234, **{rate: measured(0.8) for rate in rates}} for dx in CLASSES},
        },
        "calibration": {"temperature": 1.31, "before": errors, "after": {**errors, "ece": measured(0.055)}},
        "conformal": {
            "threshold": 0.04,
            "wanted_coverage": 0.9,
            "coverage": measured(0.91),
            "mean_size": measured(1.6),
        },
        "malignancy": {
            "threshold": 0.2,
            "wanted_sensitivity": 0.95,
            "sensitivity": measured(0.94),
            "specificity": measured(0.8),
        },
    }


@pytest.fixture
def metrics():
    group = {"images": 600, "lesions": 450, "bma": measured(0.7), "bma_classes": list(CLASSES)}
    group |= {"alarm_sensitivity": measured(0.64), "alarm_specificity": measured(0.81)}
    return {
        "schema_version": 1,
        "model": {"parameters": 4567890, "test_time_augmentation": False},
        "data": {"name": "HAM10000", "split": "lesion", "part": "test", "leaks": False, "images": 1003, "lesions": 748},
        "results": {"with_metadata": results(), "without_metadata": results()},
        "gate": {
            "threshold": -1.8,
            "lesions": {"accepted": measured(0.94)},
            "negatives": {"photographs": {"n": 40, "refused": measured(0.975)}},
        },
        "subgroups": {
            "sex": {"female": {**group, "melanoma_sensitivity": None, "ece": measured(0.05)}},
            "age": {"<30": {**group, "melanoma_sensitivity": measured(0.6), "ece": None}},
        },
        "cross_validation": {
            "images": 10015,
            "lesions": 7470,
            "folds": [0, 1, 2, 3, 4],
            "training": "efficientnet_lite0, 8 epochs",
            "results": {
                name: {
                    **{key: measured(0.73) for key in ("bma", "auc_macro", "accuracy", "melanoma_sensitivity")},
                    "ece": measured(0.016),
                    "coverage": measured(0.905),
                    "mean_size": measured(1.5),
                    "alarm_sensitivity": measured(0.94),
                    "alarm_specificity": measured(0.68),
                    "by_fold": {"bma": {"values": [0.72, 0.74], "mean": 0.73, "sd": 0.014}},
                }
                for name in ("with_metadata", "without_metadata", "mirrored")
            },
            "by_age": {
                "with_metadata": {"<30": group},
                "without_metadata": {"<30": {**group, "alarm_sensitivity": measured(0.88)}},
            },
            "copies": {"n": 5984, "bma": measured(0.72), "unchanged": measured(0.73), "difference": measured(-0.01)},
        },
        "environment": {"python": "3.11.7", "torch": "2.13.0", "device": "CPU, 2 cores", "seconds": 12.0},
        "training": {
            "backbone": "efficientnet_lite0",
            "backbone_weights": "efficientnet_lite0.safetensors",
            "n_train": 8012,
            "n_val": 1000,
            "seed": 0,
            "recipe": {"epochs": 20, "learning_rate": 6e-4},
            "epochs_done": 20.0,
            "best": {"metric": "bma", "value": 0.77},
            "device": "CPU, 2 cores",
            "versions": {"torch": "2.13.0"},
            "command": "hfskin train --backbone efficientnet_lite0",
        },
    }


@pytest.fixture
def config():
    return {"backbone": "efficientnet_lite0", "image_size": [144, 192], "attention_maps": 16, "metadata_hidden": 128}


def paths(tree, before=()):
    """Every place in a tree of dicts."""
    for key, value in tree.items():
        yield (*before, key)
        if isinstance(value, dict):
            yield from paths(value, (*before, key))


def test_the_hub_reads_the_front_matter(metrics, config):
    data = ModelCard(render_card(metrics, config, "org/name")).data
    assert data.license == "cc-by-nc-4.0"
    assert data.library_name == "transformers"
    assert data.pipeline_tag == "image-classification"
    assert data.base_model == ["timm/tf_efficientnet_lite0.in1k"]
    assert data.model_name == "org/name"
    assert {result.metric_type: result.metric_value for result in data.eval_results} == {
        "balanced_accuracy": 0.75,
        "roc_auc": 0.75,
        "accuracy": 0.75,
    }
    for result in data.eval_results:
        assert (result.dataset_config, result.dataset_split) == ("lesion", "test")
        assert "split 'lesion', part 'test'" in result.dataset_name


def test_it_says_what_the_issue_asks_for(metrics, config):
    card = render_card(metrics, config, "org/name")
    for said in (
        "Not a medical device",
        'hfskin.load("org/name")',
        "0.750 (0.700 to 0.800)",
        "| mel | 1,234 | 0.800",
        "| Expected calibration error | 0.060 (0.010 to 0.110) | 0.055 (0.005 to 0.105) |",
        "chance alone would make the calibration error of as many pictures 0.029 on average, and at most 0.041 in",
        "mel 0.190 for 0.110",
        "(efficientnet_lite0, 8 epochs), in 5 of five folds",
        "and is off unless asked for (`hfskin predict --tta`): BMA 0.730",
        "From other files of 5,984 of the pictures, of another resolution: BMA 0.720",
        "0.730 ± 0.014",
        "| Melanoma sensitivity, most probable class | 0.730 (0.680 to 0.780) |",
        "10,015 pictures of 7,470 lesions",
        "| Expected calibration error | 0.016 (",
        "Chosen for a sensitivity of 95 %",
        "hold the right class 90 % of the time",
        "Of 40 photographs of other things, 98 %",
        "| age: &lt;30 | 600 | 450 | 0.700",
        "8,012 pictures to train on",
        "hfskin train --backbone efficientnet_lite0",
        "| &lt;30 | 600 | 0.640 (0.590 to 0.690) | 0.880 (0.830 to 0.930) |",
        "0.640 (0.590 to 0.690) | 0.810 (0.760 to 0.860) | – |",
        "so its figures are a little kind",
        "light skin",
        "Dermatoscopic pictures only",
        "derived from HAM10000",
        "10.3390/s22197530",
        "10.1038/sdata.2018.161",
    ):
        assert said in card, said
    assert "leaks" not in card


def test_a_chain_of_runs_is_told_from_its_beginning(metrics, config):
    first = {"command": "train first", "recipe": {"epochs": 14}, "seed": 0, "epochs_done": 14.0}
    second = {"command": "train second 1", "recipe": {"epochs": 12}, "seed": 1, "before": first}
    second["averaged"] = [{"command": "train second 2", "seed": 2}, {"command": "train first", "seed": 0}]
    metrics["training"] |= {"command": "train third", "before": second}
    card = render_card(metrics, config, "org/name")
    told = [card.index(words) for words in ("First: epochs 14;", "from those weights: epochs 12;", "epochs 20,")]
    assert told == sorted(told)
    assert "the mean of its weights, those of a run like it and those of what they went on from" in card
    assert "```\ntrain first\ntrain second 1\ntrain second 2\ntrain third\n```" in card


def test_a_run_with_masks_and_the_mean_of_it_and_its_start_are_told(metrics, config):
    metrics["training"] |= {"n_masks": 8011, "averaged": [{"command": "train first", "seed": 0}]}
    card = render_card(metrics, config, "org/name")
    assert "Soft-Attention supervised by 8,011 masks" in card
    metrics["localisation"] = {"n": 1002, "attention": {"mass": measured(0.7), "pointing": measured(0.9)}}
    warning = "Soft-Attention was supervised by masks to lie on the lesion"
    assert warning in render_card(metrics, config, "org/name")
    later = {"n_masks": 0, "before": dict(metrics["training"])}
    assert warning in render_card(metrics | {"training": metrics["training"] | later}, config, "org/name")
    assert "the mean of its weights and those of what it went on from" in card


def test_every_table_of_results_names_its_split(metrics, config):
    card = render_card(metrics, config, "org/name")
    results = card[card.index("## Results") : card.index("## Training")]
    tables = re.findall(r"(?:^\|.*\n)+", results, flags=re.MULTILINE)
    assert len(tables) == 6
    folds = {table for table in tables if "split `lesion`, out of fold" in table}
    assert len(folds) == 2
    for table in set(tables) - folds:
        before = results[: results.index(table)].rstrip().splitlines()[-1]
        assert "split `lesion`, part `test`" in (before + table).lower()


def test_a_leaking_split_is_called_one_everywhere(metrics, config):
    metrics["data"] |= {"split": "paper", "part": "val", "leaks": True, "leaking_lesions": 901}
    card = render_card(metrics, config, "org/name")
    assert "**This split leaks: 901 lesions" in card
    assert all("LEAKS" in result.dataset_name for result in ModelCard(card).data.eval_results)


def test_no_metrics_at_all(config):
    card = render_card({}, config, "org/name")
    assert "without an evaluation" in card
    assert ModelCard(card).data.eval_results is None
    assert ModelCard(card).data.base_model is None  # nobody said that the weights were pretrained


def test_the_weights_of_every_network_are_named(metrics, config):
    metrics["training"]["partners"] = [{"backbone": "mobilenet_v3_small", "backbone_weights": "w.safetensors"}]
    both = ["timm/tf_efficientnet_lite0.in1k", "timm/tf_mobilenetv3_small_100.in1k"]
    card = render_card(metrics, config, "org/name")
    assert ModelCard(card).data.base_model == both
    assert f"weights of {', '.join(both)}" in card


def test_any_missing_part_leaves_a_card(metrics, config):
    places = list(paths(metrics))
    assert len(places) > 100
    for place in places:
        for gone in (True, False):
            poorer = copy.deepcopy(metrics)
            parent = poorer
            for key in place[:-1]:
                parent = parent[key]
            if gone:
                del parent[place[-1]]
            else:
                parent[place[-1]] = None
            assert "Not a medical device" in render_card(poorer, config, "org/name"), place
    assert "Not a medical device" in render_card(metrics, {}, "org/name")


def test_numpy_values(metrics, config):
    expected = render_card(metrics, config, "org/name")
    metrics["results"]["with_metadata"]["metrics"]["bma"] = {
        "value": np.float64(0.75),
        "low": np.array(0.7),
        "high": np.float64(0.8),
    }
    metrics["data"]["images"] = np.int64(1003)
    config["image_size"] = np.array([144, 192])
    assert render_card(metrics, config, "org/name") == expected
    metrics["results"]["with_metadata"]["metrics"]["bma"]["value"] = np.nan
    assert "| Balanced multiclass accuracy (BMA) | – (0.700 to 0.800) |" in render_card(metrics, config, "org/name")


def test_strange_characters(metrics, config):
    strange = "a|b\n---\n<script>`x`</script> ```é☃ {{ 7 * 7 }} \u202e'\": - #"
    metrics["data"] |= {"name": strange, "split": strange, "part": strange}
    metrics["training"] |= {"command": strange, "device": strange}
    metrics["subgroups"]["sex"] = {strange: metrics["subgroups"]["sex"]["female"]}
    card = render_card(metrics, config, strange)
    front = yaml.safe_load(card.split("\n---\n")[0].removeprefix("---\n"))
    assert front["model-index"][0]["name"] == strange
    body = ModelCard(card).text
    assert "<script>" not in body.replace(metrics["training"]["command"].replace("```", "'''"), "")
    assert "49" not in body.split("## Results")[1].split("## Calibration")[0]
    rows = [line for line in body.splitlines() if line.startswith("| sex:")]
    assert len(rows) == 1
    assert len(re.split(r"(?<!\\)\|", rows[0])) == 11


@pytest.mark.parametrize(
    "place", [("data",), ("results", "with_metadata"), ("training", "recipe"), ("subgroups", "sex")]
)
def test_metrics_of_another_form_are_one_line(metrics, config, place):
    parent = metrics
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = "not a group"
    with pytest.raises(HubError, match=r"of org/name is not as hfskin writes it .*`hfskin evaluate`") as error:
        render_card(metrics, config, "org/name")
    assert "\n" not in str(error.value)


def test_a_headline_that_is_no_number_is_no_result(metrics, config):
    metrics["results"]["with_metadata"]["metrics"]["bma"] = "high"
    results = ModelCard(render_card(metrics, config, "org/name")).data.eval_results
    assert [result.metric_type for result in results] == ["roc_auc", "accuracy"]


def test_numbers_in_words():
    assert number(0.12345) == "0.123"
    assert number(12345) == "12,345"
    assert number({"value": 0.5, "low": None, "high": None}) == "0.500"
    assert number({"value": None, "low": None, "high": None}) == number(None) == number("x") == number(True) == "–"
    assert percent(0.9) == percent({"value": 0.9, "low": 0.8, "high": 1.0}) == "90 %"
    assert percent(None) == "–"
    assert (of_100(0.939), of_100({"value": 0.939}, missed=True), of_100(None, missed=True)) == ("94", "6", "–")


def test_write_card_keeps_what_the_card_was_rendered_from(metrics, config, tmp_path):
    checkpoint = tmp_path / "some-name"
    checkpoint.mkdir()
    training = metrics.pop("training")
    for file, facts in (("metrics.json", metrics), ("config.json", config), ("training.json", training)):
        (checkpoint / file).write_text(json.dumps(facts))
    card = write_card(checkpoint, tmp_path / "cards")
    assert card.name == "some-name.md"
    assert json.loads((card.parent / "some-name.metrics.json").read_text()) == {**metrics, "training": training}
    assert_same_as_rendered(card)


def test_write_card_without_metrics(tmp_path):
    with pytest.raises(HubError, match="`hfskin evaluate` writes it"):
        write_card(tmp_path, tmp_path / "cards")
    assert not (tmp_path / "cards").exists()


@pytest.mark.parametrize("card", sorted(MODEL_CARDS.glob("*.md")), ids=lambda path: path.stem)
def test_the_committed_cards_are_the_renderings(card):
    assert_same_as_rendered(card)


def test_the_default_card_is_that_of_the_embedded_checkpoint(tmp_path):
    write_card(EMBEDDED_CHECKPOINT, tmp_path)
    for name in ("default.metrics.json", "default.config.json"):
        assert json.loads((tmp_path / name).read_text()) == json.loads((MODEL_CARDS / name).read_text()), name


def assert_same_as_rendered(card):
    sources = (card.with_name(f"{card.stem}.{name}.json") for name in ("metrics", "config"))
    metrics, config = (json.loads(source.read_text(encoding="utf-8")) for source in sources)
    again = "run `hfskin card CHECKPOINT -o model_cards` again"
    assert figures(card.read_text(encoding="utf-8")) == figures(render_card(metrics, config, card.stem)), again


def test_data_sets_are_named_as_the_hub_names_them(metrics, config):
    """A name without its owner leads nowhere on the Hub."""
    assert card_data(metrics, config, "org/model").datasets is None
    metrics["data"]["name"] = "org/ham10000-by-lesion"
    assert card_data(metrics, config, "org/model").datasets == ["org/ham10000-by-lesion"]
    metrics["data"]["split"] = "all"  # measured on, not trained on
    assert card_data(metrics, config, "org/model").datasets is None
