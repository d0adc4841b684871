"""Table 3 of the paper with ours beside it."""

import re

import pytest
import torch
from torch import nn

from hfskin.model.backbone_table import BACKBONES
from scripts.paper.complexity import (
    PAPER_TABLE3,
    complexity,
    count_flops,
    count_layers,
    count_parameters,
    count_statistics,
    render_table3,
    table3,
)

pytestmark = pytest.mark.slow

# The totals that Keras' `summary()` prints at 1000 classes.
KERAS_PARAMETERS = {
    "resnet50": 25_636_712,
    "resnet152": 60_419_944,
    "densenet201": 20_242_984,
    "inception_resnet_v2": 55_873_736,
    "mobilenet_v1": 4_253_864,
    "mobilenet_v2": 3_538_984,
    "mobilenet_v3_small": 2_554_968,
    "mobilenet_v3_large": 5_507_432,
    "nasnet_mobile": 5_326_716,
    "nasnet_large": 88_949_818,
    "vgg16": 138_357_544,
    "inception_v3": 23_851_784,
}


@pytest.fixture(scope="module")
def rows() -> dict[str, dict]:
    return {row["name"]: row for row in table3()}


def test_a_row_for_every_backbone(rows):
    assert list(rows) == [name for name, spec in BACKBONES.items() if not spec.blocks]
    assert [name for name, row in rows.items() if row["paper"]] == list(PAPER_TABLE3)


def test_parameters_equal_keras(rows):
    assert {name: rows[name]["keras_parameters"] for name in KERAS_PARAMETERS} == KERAS_PARAMETERS


@pytest.mark.parametrize("name", PAPER_TABLE3)
def test_parameters_match_the_papers_digits(rows, name):
    """Keras' count, except for MobileNetV3Small, where the paper gives the trainable parameters."""
    kind = "parameters" if name == "mobilenet_v3_small" else "keras_parameters"
    assert round(rows[name][kind] / 1e6, 1) == rows[name]["paper"]["parameters_millions"]


def test_layers_match_the_paper_where_one_rule_can(rows):
    ours = {name: rows[name]["layers"] for name in PAPER_TABLE3}
    differ = {name: layers for name, layers in ours.items() if layers != rows[name]["paper"]["layers"]}
    assert differ == {"nasnet_mobile": 389, "mobilenet_v3_large": 110}


@pytest.mark.parametrize("name", [name for name, row in PAPER_TABLE3.items() if row[0] is not None])
def test_size_is_a_little_below_keras_files(rows, name):
    paper = rows[name]["paper"]["size_mb"]
    assert paper - 5 < rows[name]["size_mb"] < paper + 0.5


@pytest.mark.parametrize(
    ("name", "multiply_adds"),
    [("resnet50", 4.09e9), ("mobilenet_v1", 569e6), ("mobilenet_v2", 300e6), ("nasnet_mobile", 564e6)],
)
def test_flops_are_twice_the_published_multiply_adds(rows, name, multiply_adds):
    assert rows[name]["flops"] == pytest.approx(2 * multiply_adds, rel=0.01)


def test_our_model_is_smaller_where_the_paper_cuts(rows):
    assert complexity("resnet50", "full")["model_parameters"] > rows["resnet50"]["model_parameters"] + 14e6
    assert complexity("resnet50", "full")["map_shape"] == (2048, 7, 7)
    assert rows["resnet50"]["map_shape"] == (1024, 14, 14)


def test_counts_of_a_network_done_by_hand():
    with torch.device("meta"):
        network = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 100, 5)
        )
    assert count_parameters(network) == (8 * 27 + 8) + 16 + (5 * 800 + 5)
    assert count_statistics(network) == 16
    assert count_layers(network) == 3
    assert count_flops(network, (10, 10)) == 2 * (100 * 8 * 27 + 800 * 5)


def test_rendered_table_has_the_papers_numbers_and_ours(rows):
    text = render_table3(list(rows.values()))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1
    assert len(lines) == 2 + len(rows)
    assert "| densenet201 | paper | 20.2 / 20.2 / 20.0 | 18.0 | 80 / 77 | 402 / 402 | 8.58 | 224 | 1824x7x7 |" in lines
    assert re.search(r"^\| vgg16 \| paper \| – / 138\.4 / 138\.4 \|", text, re.MULTILINE)
    for explained in ("MobileNetV3Small", "NASNetMobile", "MobileNetV3Large", "InceptionResNetV2", "HDF5"):
        assert explained in text
