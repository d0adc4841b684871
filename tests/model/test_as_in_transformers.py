"""What users of transformers do with any model."""

import pytest
import torch
from accelerate import Accelerator
from transformers import AutoModel, Trainer, TrainingArguments, pipeline

import hfskin
from hfskin.checkpoints.hub import HubError
from hfskin.checkpoints.layout import EMBEDDED_CHECKPOINT

load = hfskin.HfskinForImageClassification.from_pretrained


@pytest.fixture(scope="module")
def model():
    return load(EMBEDDED_CHECKPOINT)


@pytest.fixture
def pixels(model):
    return torch.randn(2, 3, *model.config.image_size, generator=torch.Generator().manual_seed(1))


def test_what_a_checkpoint_lacks_starts_as_in_a_new_model():
    config = hfskin.HfskinConfig.from_pretrained(EMBEDDED_CHECKPOINT, gate=False, metadata_hidden=0)
    whole = hfskin.HfskinForImageClassification(config).state_dict()
    parts = ("image_model.attention", "partners.0.scale", "image_model.backbone.conv_stem", "classifier")
    there = {name: tensor for name, tensor in whole.items() if not name.startswith(parts)}
    config.gate = True
    model, info = hfskin.HfskinForImageClassification.from_pretrained(
        None, config=config, state_dict=there, output_loading_info=True
    )
    assert {name.rpartition(".")[0] for name in info["missing_keys"]} >= {
        "gate",
        "classifier",
        "image_model.attention",
    }
    for name, tensor in there.items():
        torch.testing.assert_close(model.state_dict()[name], tensor)
    assert model.image_model.attention.gamma.item() == 1.0
    assert model.image_model.attention.conv.weight.abs().max() < 0.02
    assert model.partners[0].scale.flatten().tolist() == [1, 1, 1]
    assert 0.01 < model.image_model.backbone.conv_stem.weight.std() < 1
    assert model(torch.randn(1, 3, *config.image_size)).in_distribution_score.isfinite().all()


def test_another_backbone_starts_with_numbers():
    model = load(EMBEDDED_CHECKPOINT, backbone="resnet50", ignore_mismatched_sizes=True)
    assert [name for name, tensor in model.state_dict().items() if not tensor.isfinite().all()] == []


def test_outputs_that_are_asked_for_or_not(model, pixels):
    output = model(pixels, output_hidden_states=True)
    assert [state.shape[1] for state in output.hidden_states] == model.image_model.feature_sizes
    assert torch.equal(output.hidden_states[-1].mean(dim=(2, 3)), output.features[:, -1280:])
    assert output.attentions is not None
    assert model(pixels).hidden_states is None
    assert model(pixels, output_attentions=False).attentions is None
    assert isinstance(model(pixels, return_dict=False), tuple)
    quiet = load(EMBEDDED_CHECKPOINT, return_dict=False, output_attentions=False)
    answer = quiet(pixels)
    assert isinstance(answer, tuple)
    torch.testing.assert_close(answer[0], output.logits)
    assert quiet(pixels, return_dict=True).attentions is None


def test_auto_model_is_the_image_path(model, pixels, lesion_path, tmp_path):
    base = AutoModel.from_pretrained(EMBEDDED_CHECKPOINT)
    output = base(pixels)
    assert output.last_hidden_state.shape[:2] == (2, 1280)
    torch.testing.assert_close(output.pooler_output, model.base_model(pixels).pooler_output)
    extract = pipeline("image-feature-extraction", model=EMBEDDED_CHECKPOINT, pool=True, return_tensors=True)
    assert extract(str(lesion_path)).shape == (1, base(pixels).pooler_output.shape[1])
    base.save_pretrained(tmp_path)
    again = load(tmp_path)
    torch.testing.assert_close(again.base_model(pixels).features, output.features)


@pytest.mark.slow
def test_compiled_in_one_graph_with_and_without_metadata(model, pixels):
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    for inputs in ({}, {"metadata": torch.from_numpy(hfskin.encode_metadata(50, "m"))[None].expand(2, -1)}):
        torch.testing.assert_close(compiled(pixels, **inputs).logits, model(pixels, **inputs).logits)


@pytest.mark.slow
def test_exported_without_metadata_and_for_any_batch(model, pixels):
    batch = torch.export.Dim("batch")
    program = torch.export.export(model, (), {"pixel_values": pixels}, dynamic_shapes={"pixel_values": {0: batch}})
    five = torch.randn(5, *pixels.shape[1:])
    torch.testing.assert_close(program.module()(pixel_values=five).logits, model(five).logits)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_on_a_cpu(model, pixels, dtype):
    half = load(EMBEDDED_CHECKPOINT, dtype=dtype)
    answers = [m(pixels).logits.float().softmax(dim=1) for m in (model, half)]
    torch.testing.assert_close(*answers, atol=0.1, rtol=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_on_a_gpu(model, pixels, dtype):
    half = load(EMBEDDED_CHECKPOINT, dtype=dtype).to("cuda")
    torch.testing.assert_close(
        half(pixels.to("cuda", dtype)).logits.float().softmax(dim=1).cpu(),
        model(pixels).logits.softmax(dim=1),
        atol=0.1,
        rtol=0,
    )


def tiny():
    torch.manual_seed(0)
    return hfskin.HfskinForImageClassification(
        hfskin.HfskinConfig(backbone="mobilenet_v3_small", image_size=(64, 96), pooling="avg", metadata_hidden=8)
    )


ROWS = [{"pixel_values": torch.randn(3, 64, 96), "labels": i, "metadata": torch.zeros(19)} for i in range(4)]


def test_transformers_own_trainer_and_accelerate(tmp_path):
    arguments = TrainingArguments(str(tmp_path), max_steps=2, per_device_train_batch_size=2, use_cpu=True, report_to=[])
    assert Trainer(tiny(), arguments, train_dataset=ROWS).train().training_loss > 0
    accelerator, model = Accelerator(cpu=True), tiny()
    model, optimizer, loader = accelerator.prepare(
        model, torch.optim.SGD(model.parameters(), 0.1), torch.utils.data.DataLoader(ROWS, batch_size=2)
    )
    before = model.classifier.bias.detach().clone()
    for batch in loader:
        accelerator.backward(model(**batch).loss)
        optimizer.step()
    assert not torch.equal(model.classifier.bias, before)


def test_lora_trains_comes_back_and_merges(tmp_path):
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=4, target_modules=r".*conv_pw", modules_to_save=["classifier"])
    # In evaluation mode: an adapter does not hold what BatchNorm sees.
    adapted, batch = peft.get_peft_model(tiny().eval(), config), torch.utils.data.default_collate(ROWS)
    optimizer = torch.optim.SGD([p for p in adapted.parameters() if p.requires_grad], 0.1)
    adapted(**batch).loss.backward()
    optimizer.step()
    logits = adapted(**batch).logits
    adapted.save_pretrained(tmp_path)
    torch.testing.assert_close(peft.PeftModel.from_pretrained(tiny(), tmp_path).eval()(**batch).logits, logits)
    merged = adapted.merge_and_unload()
    torch.testing.assert_close(merged(**batch).logits, logits, atol=1e-4, rtol=1e-4)
    assert isinstance(merged, hfskin.HfskinForImageClassification)


def test_a_checkpoint_that_is_not_there_is_an_os_error_and_a_value_error(tmp_path):
    with pytest.raises(OSError, match=r"no model\.safetensors") as caught:
        load(tmp_path, config=hfskin.HfskinConfig())
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, HubError)
