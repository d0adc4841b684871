"""transformers' own common tests on hfskin, with a tiny model; `scripts/transformers_tests.py` fetches them."""

import sys
import unittest

import numpy as np
import pytest
import torch
from paths import ROOT

from hfskin import HfskinConfig, HfskinForImageClassification, HfskinImageProcessor, HfskinModel

FOLDER = ROOT / "build" / "transformers_tests"
if not FOLDER.is_dir():
    pytest.skip("not here: python scripts/transformers_tests.py", allow_module_level=True)
pytest.importorskip("parameterized")
sys.path[:0] = [str(FOLDER.parent), str(FOLDER)]

from transformers_tests.test_image_processing_common import (  # noqa: E402
    ImageProcessingTester,
    ImageProcessingTestMixin,
)
from transformers_tests.test_modeling_common import ModelTesterMixin  # noqa: E402

SIDE = 64  # pixels


def excepted(reason: str):
    """A common test that is not for hfskin."""

    def skipped(self):
        self.skipTest(reason)

    return skipped


class Tester:
    """What the common tests ask of a model's tester."""

    batch_size = 2
    is_training = True
    seq_length = 1  # no text

    def get_config(self) -> HfskinConfig:
        return HfskinConfig(
            backbone="mobilenet_v3_small",
            image_size=[SIDE, SIDE],
            attention_maps=4,
            attention_gamma=1.0,
            metadata_hidden=8,
            dropout=0.0,
        )

    def prepare_config_and_inputs_for_common(self):
        return self.get_config(), {"pixel_values": torch.randn(self.batch_size, 3, SIDE, SIDE)}


class ModelTest(ModelTesterMixin, unittest.TestCase):
    all_model_classes = (HfskinModel, HfskinForImageClassification)
    has_attentions = False  # Soft-Attention's maps are of the picture, one set a network, and not of tokens and layers
    test_resize_embeddings = False
    test_all_params_have_gradient = False  # the image path alone has no use for all of them
    test_can_init_all_missing_weights_before_2023 = True

    def setUp(self):
        self.model_tester = Tester()

    test_model_get_set_embeddings = excepted("there are no embeddings of tokens")
    test_inputs_embeds = excepted("there are no embeddings of tokens")

    def test_training(self):  # theirs knows by name which classes have labels and a loss
        config, inputs = self.model_tester.prepare_config_and_inputs_for_common()
        model = HfskinForImageClassification(config).train()
        model(**inputs, labels=torch.tensor([0, 6])).loss.backward()
        assert all(parameter.grad is not None for parameter in model.parameters())

    def test_hidden_states_output(self):
        config, inputs = self.model_tester.prepare_config_and_inputs_for_common()
        for kind in self.all_model_classes:
            for asked, told in ({"output_hidden_states": True}, False), ({}, True):
                config.output_hidden_states = told
                states = kind(config).eval()(**inputs, **asked).hidden_states
                assert [state.shape[1] for state in states] == [24, 48, 576]


class ProcessorTester(ImageProcessingTester):
    def __init__(self, parent, **kwargs):
        kwargs.setdefault("size", {"height": 40, "width": 40})
        super().__init__(parent, min_resolution=40, max_resolution=80, **kwargs)

    def _get_image_processing_classes(self):
        return {"pil": HfskinImageProcessor}


class ProcessorTest(ImageProcessingTestMixin, unittest.TestCase):
    image_processor_tester_class = ProcessorTester

    def setUp(self):
        super().setUp()
        np.random.seed(0)

    test_call_numpy_4_channels = excepted("the network reads RGB: a fourth channel is transparency, laid on white")
    test_new_models_require_torchvision_backend = excepted("Pillow resizes as in training; torchvision does not")
    test_pil_can_run_without_torchvision = excepted("hfskin needs torchvision, which timm imports")
