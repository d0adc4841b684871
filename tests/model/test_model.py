import subprocess
import sys

import pytest
import torch
from transformers import AutoModelForImageClassification

from hfskin import HfskinConfig, HfskinForImageClassification, encode_metadata
from hfskin.model.labels import CLASSES

SMALL = {"backbone": "mobilenet_v3_small", "image_size": (96, 128)}


def build(**changes) -> HfskinForImageClassification:
    torch.manual_seed(0)
    return HfskinForImageClassification(HfskinConfig(**{**SMALL, **changes})).eval()


@pytest.fixture
def pixels():
    return torch.randn(2, 3, 96, 128, generator=torch.Generator().manual_seed(1))


def test_output_shapes_of_the_papers_head(pixels):
    model = build()
    output = model(pixels, metadata=torch.zeros(2, 19), labels=torch.tensor([0, 6]))
    assert output.logits.shape == (2, 7)
    assert output.attentions.shape == (2, 16, 3, 4)
    torch.testing.assert_close(output.attentions.sum(dim=(2, 3)), torch.ones(2, 16))
    assert output.features.shape == (2, 24 + 48 + 576)
    assert output.loss.ndim == 0
    # Two paths of 576 channels, 3x4 pooled to 2x2 (odd borders kept), flattened, and 4096 metadata features.
    assert model.classifier.in_features == 2 * 576 * 2 * 2 + 4096
    assert model.image_model.dropout.p == 0.5
    assert model.config.id2label == dict(enumerate(CLASSES))


def test_average_pooling_takes_any_size():
    model = build(pooling="avg")
    for size in ((96, 128), (64, 64)):
        assert model(torch.randn(1, 3, *size)).logits.shape == (1, 7)


def test_no_metadata_is_the_same_as_unknown_and_samples_do_not_mix(pixels):
    model = build(metadata_hidden=32)
    unknown = torch.from_numpy(encode_metadata())
    known = torch.from_numpy(encode_metadata(80, "female", "face"))
    without = model(pixels).logits
    torch.testing.assert_close(model(pixels, metadata=unknown.expand(2, -1)).logits, without)
    mixed = model(pixels, metadata=torch.stack([known, unknown])).logits
    torch.testing.assert_close(mixed[1], without[1])
    assert not torch.allclose(mixed[0], without[0])


def test_branches_can_be_turned_off(pixels):
    model = build(metadata_hidden=0, attention_maps=0)
    output = model(pixels)
    assert output.attentions is None
    assert model.classifier.in_features == 576 * 2 * 2
    torch.testing.assert_close(model(pixels, metadata=torch.ones(2, 19)).logits, output.logits)


def test_temperature_divides_the_logits(pixels):
    model = build(pooling="avg")
    logits = model(pixels).logits
    model.config.temperature = 2.0
    torch.testing.assert_close(model(pixels).logits, logits / 2)


def test_every_parameter_gets_a_gradient(pixels):
    model = build(dropout=0.0, attention_gamma=1.0).train()
    metadata = torch.from_numpy(encode_metadata(80, "female", "face")).expand(2, -1)
    model(pixels, metadata=metadata, labels=torch.tensor([0, 1])).loss.backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


def test_pretrained_weights_reach_the_backbone(tmp_path):
    from safetensors.torch import save_file

    from hfskin.model.backbones import create_backbone

    source = create_backbone("mobilenet_v3_small")
    state = {name: tensor.contiguous() for name, tensor in source.state_dict().items()}
    save_file(state, tmp_path / "weights.safetensors")
    model = HfskinForImageClassification.from_backbone(HfskinConfig(**SMALL), str(tmp_path / "weights.safetensors"))
    for name, tensor in model.image_model.backbone.state_dict().items():
        torch.testing.assert_close(tensor, state[name])
    save_file({"conv_stem.weight": state["conv_stem.weight"]}, tmp_path / "part.safetensors")
    with pytest.raises(ValueError, match="does not fit"):
        HfskinForImageClassification.from_backbone(HfskinConfig(**SMALL), str(tmp_path / "part.safetensors"))


def test_unknown_backbone_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown backbone 'resnet51'.*efficientnet_lite0"):
        build(backbone="resnet51")


@pytest.mark.slow
def test_save_and_load_give_the_same_logits_in_a_process_without_network(tmp_path, pixels):
    model = build(gate=True)
    model.gate.weight.normal_()
    model.gate.bias.fill_(-0.5)
    model.save_pretrained(tmp_path)
    torch.save(pixels, tmp_path / "pixels.pt")
    script = """
import sys, socket
def refuse(*args, **kwargs): raise OSError("no network in this test")
socket.socket.connect = refuse
import torch, hfskin
model = hfskin.HfskinForImageClassification.from_pretrained(sys.argv[1])
with torch.no_grad():
    output = model(torch.load(sys.argv[1] + "/pixels.pt", weights_only=True))
torch.save([output.logits, output.in_distribution_score], sys.argv[1] + "/out.pt")
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    logits, score = torch.load(tmp_path / "out.pt", weights_only=True)
    expected = model(pixels)
    torch.testing.assert_close(logits, expected.logits, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(score, expected.in_distribution_score, atol=1e-3, rtol=1e-3)
    auto = AutoModelForImageClassification.from_pretrained(tmp_path)
    assert isinstance(auto, HfskinForImageClassification)
    assert not auto.training
