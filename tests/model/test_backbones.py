"""Every backbone of the table: builds, is cut for good, learns, and comes back from disk."""

import json
import shutil
from contextlib import ExitStack
from functools import cache

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from hfskin import HfskinConfig, HfskinForImageClassification
from hfskin.model.backbone_table import BACKBONES, IMAGENET, TENSORFLOW, backbone_spec
from hfskin.model.backbones import create_backbone, create_network, map_size, pretrained_weights
from hfskin.model.early_maps import early_maps
from hfskin.model.nasnet_mobile import _AveragePool

pytestmark = pytest.mark.slow

# Where the paper cuts (Tables A1 and A2): channels, height and width at the natural input size.
PAPER_MAPS = {
    "resnet50": (1024, 14, 14),
    "resnet152": (1024, 14, 14),
    "densenet201": (1824, 7, 7),
    "inception_resnet_v2": (1536, 8, 8),
    "mobilenet_v1": (1024, 7, 7),
    "mobilenet_v2": (320, 7, 7),
    "mobilenet_v3_small": (576, 7, 7),
    "mobilenet_v3_large": (960, 7, 7),
    "nasnet_mobile": (1056, 7, 7),
    "nasnet_large": (4032, 11, 11),
}


def tiny_config(name: str, **kwargs) -> HfskinConfig:
    side = {"inception_v3": 128, "inception_resnet_v2": 96, "nasnet_large": 96}.get(name, 64)
    if spec_blocks := backbone_spec(name).blocks:
        side, kwargs = 56, {"backbone_cut": next(iter(spec_blocks))} | kwargs
    return HfskinConfig(backbone=name, image_size=(side, side), metadata_hidden=8, **kwargs)


def pictures(config: HfskinConfig) -> torch.Tensor:
    return torch.randn(2, 3, *config.image_size, generator=torch.Generator().manual_seed(0))


@cache
def without_weights(name: str, cut: str) -> nn.Module:
    """A backbone's structure, built once for all that look at it."""
    with torch.device("meta"):
        return create_backbone(name, cut)


def test_the_table_has_the_papers_backbones_and_the_related_works():
    related = {"vgg16", "efficientnet_b0", "efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"}
    assert set(BACKBONES) == {
        *PAPER_MAPS, *related, "resnet34", "inception_v3", "legacy_senet154", "vit_small_dinov2",
    }  # fmt: skip


@pytest.mark.parametrize(("name", "cut"), [(name, cut) for name, spec in BACKBONES.items() for cut in spec.channels])
def test_cut_gives_its_map_and_leaves_no_unused_parameter(name, cut):
    spec = backbone_spec(name)
    backbone = without_weights(name, cut)
    features = backbone.forward_features(torch.empty(2, 3, spec.input_size, spec.input_size, device="meta"))
    features.sum().backward()
    assert features.shape[1] == spec.channels[cut]
    if cut == "paper" and name in PAPER_MAPS:
        assert features.shape[1:] == PAPER_MAPS[name]
    assert [key for key, parameter in backbone.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("cut", ["paper", "full"])
@pytest.mark.parametrize("name", [name for name, spec in BACKBONES.items() if not spec.blocks])
def test_earlier_maps_have_their_strides_and_channels(name, cut):
    seen, backbone = [], without_weights(name, cut)
    with ExitStack() as hooks, torch.no_grad():
        for module, _ in early_maps(backbone):
            hook = backbone.get_submodule(module).register_forward_hook
            hooks.enter_context(hook(lambda m, i, output: seen.append(output.shape)))
        backbone.forward_features(torch.empty(1, 3, 256, 320, device="meta"))
    assert [shape[1] for shape in seen] == [channels for _, channels in early_maps(backbone)]
    for stride, (_, _, height, width) in zip((8, 16), seen, strict=True):
        assert (256 / height, 320 / width) == pytest.approx((stride, stride), rel=0.15)  # Inception does not pad


@pytest.mark.parametrize(
    ("name", "dropped"),
    [
        ("resnet50", {"layer4"}),
        ("resnet152", {"layer4"}),
        ("mobilenet_v2", {"conv_head", "bn2"}),
        ("nasnet_mobile", {"cell_15"}),
        ("nasnet_large", {"cell_16", "cell_17"}),
    ],
)
def test_paper_cut_drops_what_the_paper_drops(name, dropped):
    parts = [{key.split(".")[0] for key in without_weights(name, cut).state_dict()} for cut in ("full", "paper")]
    assert parts[0] - parts[1] == dropped


@pytest.mark.parametrize("name", BACKBONES)
def test_trains_one_step_and_survives_the_disk(name, tmp_path):
    torch.manual_seed(0)
    model = HfskinForImageClassification(tiny_config(name))
    before = model.classifier.weight.detach().clone()
    train_one_step(model)
    assert not torch.equal(before, model.classifier.weight)
    model.eval().save_pretrained(tmp_path)
    again = HfskinForImageClassification.from_pretrained(tmp_path)
    shutil.rmtree(tmp_path)  # pytest would keep the gigabyte of all of them
    assert not again.training
    assert_same_answers(model, again)


def train_one_step(model: HfskinForImageClassification) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    loss = model(pictures(model.config), labels=torch.tensor([4, 5])).loss
    loss.backward()
    assert loss.isfinite()
    assert [key for key, parameter in model.named_parameters() if parameter.grad is None] == []
    optimizer.step()


@torch.no_grad()
def assert_same_answers(model: nn.Module, again: nn.Module) -> None:
    answers = [m(pictures(model.config)).logits.softmax(dim=1) for m in (model, again)]
    assert answers[0].shape == (2, 7)
    torch.testing.assert_close(*answers, rtol=0, atol=1e-6)


def test_nasnet_mobile_has_the_published_parameters():
    with torch.device("meta"):
        network = create_network("nasnet_mobile")
        logits = network.eval()(torch.empty(1, 3, 224, 224))
    assert logits.shape == (1, 1000)
    assert sum(parameter.numel() for parameter in network.parameters()) == 5_289_978


@pytest.mark.parametrize(("side", "padding"), [(8, 0), (9, 1)])
def test_nasnet_mobile_averages_leave_padding_out(side, padding):
    x = torch.rand(2, 3, side, side) + 1
    expected = nn.functional.avg_pool2d(x, 3, 2, padding, ceil_mode=True, count_include_pad=False)
    torch.testing.assert_close(_AveragePool()(x), expected)


@pytest.mark.parametrize(
    ("name", "layer", "channels"),
    [
        ("resnet50", "layer3", 1024),
        ("densenet201", "features.norm5", 1824),  # every dense layer appends its channels, so the first ones stay
        ("mobilenet_v2", "blocks", 320),
        ("nasnet_mobile", "cell_14", 1056),
    ],
)
def test_cut_of_pretrained_weights_is_what_the_whole_network_computes_there(name, layer, channels, tmp_path):
    """Statistics are random, so that a slice of the wrong ones would show."""
    torch.manual_seed(0)
    whole = create_backbone(name).eval()
    for module in whole.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    save_file(whole.state_dict(), tmp_path / "whole.safetensors")
    cut = create_backbone(name, "paper", weights=str(tmp_path / "whole.safetensors")).eval()
    seen = []
    hook = whole.get_submodule(layer).register_forward_hook
    hook(lambda module, inputs, output: seen.append(output.detach().clone()))
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        whole.forward_features(x)
        features = cut.forward_features(x)
    expected = seen[0].relu() if name == "nasnet_mobile" else seen[0][:, :channels]
    torch.testing.assert_close(features, expected)


@pytest.mark.parametrize("name", [name for name, spec in BACKBONES.items() if spec.pretrained_tag])
def test_timm_weights_bring_their_own_preprocessing(name):
    """The row is the original release; timm's weights of these four names are other ones, or rounded."""
    from timm.models import get_pretrained_cfg  # hfskin goes first, see torchvision_import

    spec, published = backbone_spec(name), pretrained_weights(name, "timm")
    tag = get_pretrained_cfg(f"{spec.timm_id}.{spec.pretrained_tag}")
    assert (published.normalisation, published.license) == ((tag.mean, tag.std), spec.license)
    assert tag.input_size == (3, spec.input_size, spec.input_size)
    if name == "mobilenet_v2":
        assert published.normalisation == IMAGENET
    elif name.startswith("efficientnet_lite"):
        assert published.normalisation[0] == pytest.approx(spec.normalisation[0], abs=0.003)
    else:
        assert published.normalisation == spec.normalisation


def test_timm_has_no_nasnet_mobile():
    with pytest.raises(ValueError, match="no weights of nasnet_mobile"):
        pretrained_weights("nasnet_mobile", "timm")


def mobilenet_v2_file(folder, **description):
    """Weights of a MobileNetV2 that pads symmetrically, and its description beside it."""
    source = create_backbone("mobilenet_v2", timm_kwargs={}).eval()
    path = folder / "other.safetensors"
    save_file({**source.state_dict(), "classifier.weight": torch.zeros(1000, 1280)}, path)
    entry = {"file": path.name, "kwargs": {}, "mean": IMAGENET[0], "std": IMAGENET[1], "license": "Apache-2.0"}
    (folder / "weights.json").write_text(json.dumps({"mobilenetv2_100": {**entry, **description}}))
    return source, str(path)


def test_a_files_neighbour_decides_over_graph_and_preprocessing(tmp_path):
    source, path = mobilenet_v2_file(tmp_path)
    assert pretrained_weights("mobilenet_v2", path).normalisation == IMAGENET
    model = HfskinForImageClassification.from_backbone(tiny_config("mobilenet_v2", backbone_cut="full"), path).eval()
    model.save_pretrained(tmp_path / "checkpoint")
    again = HfskinForImageClassification.from_pretrained(tmp_path / "checkpoint")
    assert again.config.backbone_kwargs == {}
    x = pictures(model.config)
    with torch.no_grad():
        expected = source.forward_features(x)
        torch.testing.assert_close(model.image_model.backbone.forward_features(x), expected)
        torch.testing.assert_close(again.image_model.backbone.forward_features(x), expected)


def test_a_file_alone_counts_as_the_original_release(tmp_path):
    _, path = mobilenet_v2_file(tmp_path)
    (tmp_path / "weights.json").unlink()
    weights = pretrained_weights("mobilenet_v2", path)
    assert (weights.normalisation, weights.timm_kwargs) == (backbone_spec("mobilenet_v2").normalisation, TENSORFLOW)
    assert weights == pretrained_weights("mobilenet_v2", None)


def test_an_incomplete_description_is_refused(tmp_path):
    _, path = mobilenet_v2_file(tmp_path)
    table = json.loads((tmp_path / "weights.json").read_text())
    del table["mobilenetv2_100"]["mean"]
    (tmp_path / "weights.json").write_text(json.dumps(table))
    with pytest.raises(ValueError, match="does not state mean of other"):
        create_backbone("mobilenet_v2", weights=path)


@pytest.mark.parametrize("change", ["missing", "foreign"])
def test_a_file_that_does_not_fit_is_refused(change, tmp_path):
    state = create_backbone("efficientnet_lite0").state_dict()
    if change == "missing":
        del state["conv_head.weight"]  # part of the features here, though it is part of the head in MobileNetV3
    else:
        state["extra.weight"] = torch.zeros(1)
    save_file(state, tmp_path / "wrong.safetensors")
    with pytest.raises(ValueError, match=r"does not fit this backbone: keys that differ: 1, the first is"):
        create_backbone("efficientnet_lite0", weights=str(tmp_path / "wrong.safetensors"))


def test_wrong_names_are_answered_with_the_right_ones():
    with pytest.raises(ValueError, match=r"unknown backbone 'resnet51'.*resnet152"):
        backbone_spec("resnet51")
    with pytest.raises(ValueError, match=r"unknown cut 'half'.*paper, full"):
        create_backbone("resnet50", "half")


def test_a_strangers_config_cannot_pass_other_arguments():
    """timm.create_model would read any file as `checkpoint_path`."""
    config = tiny_config("mobilenet_v2", backbone_kwargs={"checkpoint_path": "weights.bin"})
    with pytest.raises(ValueError, match="checkpoint_path"):
        HfskinForImageClassification(config)


def test_stochastic_depth_where_timm_has_it():
    with torch.device("meta"):
        for name, spec in BACKBONES.items():
            modules = create_backbone(name, drop_path_rate=0.2).modules()
            assert any(type(module).__name__ == "DropPath" for module in modules) == spec.stochastic_depth, name


def test_map_size_is_that_of_the_features():
    assert map_size("mobilenet_v2", "paper", (96, 130)) == (3, 5)
    assert map_size("resnet50", "paper", (96, 130)) == (6, 9)
