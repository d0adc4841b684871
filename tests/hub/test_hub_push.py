"""Pushing to the Hub, over HTTP: what is sent, what is refused, and what a push that breaks off leaves."""

import json
import shutil

import numpy as np
import pytest
from hub_fixtures import DATA, MODEL_CODE, local_logits, logits, message_of, push_tiny
from hub_server import READER

from hfskin.checkpoints.layout import fingerprint

pytestmark = pytest.mark.slow

pytest_plugins = ["hub_fixtures"]

CODE = {path.name for path in MODEL_CODE.glob("*.py")} - {"__init__.py"}
WEIGHTS = {"config.json", "model.safetensors", "preprocessor_config.json"}


def refusal(checkpoint, name, **kwargs):
    return message_of(push_tiny, checkpoint, name, **kwargs)


def refusal_without_network(checkpoint, name, endpoint):
    """`HfApi` reads the Hub's address when it is made, so another one needs no other process."""
    from unittest.mock import patch

    with patch("huggingface_hub.constants.ENDPOINT", endpoint):
        return refusal(checkpoint, name)


def push_by_command(*arguments):
    import typer
    from typer.testing import CliRunner

    from hfskin.cli.hub import mount

    app = typer.Typer()
    mount(app)
    result = CliRunner().invoke(app, list(map(str, arguments)))
    return result.exit_code, result.output


def set_aside(weights, name):
    """Save the weights without one of them."""
    from safetensors.torch import load_file, save_file

    save_file({key: tensor for key, tensor in load_file(weights).items() if key != name}, weights, {"format": "pt"})


def halve(weights):
    from safetensors.torch import load_file, save_file

    halved = {
        name: tensor.half() if tensor.is_floating_point() else tensor  # BatchNorm counts in whole numbers
        for name, tensor in load_file(weights).items()
    }
    save_file(halved, weights, {"format": "pt"})


def push_by_method(checkpoint, name, change=False):
    """`push_to_hub` of the model as it was loaded, or with another temperature."""
    import hfskin

    model = hfskin.HfskinForImageClassification.from_pretrained(checkpoint)
    if change:
        model.config.temperature *= 2
    model.push_to_hub(name)


def push_a_new_model(checkpoint, name):
    """A model that was loaded from nowhere, then its processor."""
    import hfskin

    config = hfskin.HfskinConfig.from_pretrained(checkpoint)
    hfskin.HfskinForImageClassification(hfskin.HfskinConfig(**config.to_diff_dict())).push_to_hub(name)
    alone = message_of(hfskin.load, name)
    hfskin.HfskinImageProcessor.from_pretrained(checkpoint).push_to_hub(name)
    return alone, hfskin.load(name).model.config.backbone


def push_by_trainer(checkpoint, name, folder):
    """Logits of the averaged and of the raw weights after three steps, and after loading what was pushed."""
    from dataclasses import replace

    from transformers import AutoImageProcessor, AutoModelForImageClassification, TrainingArguments

    import hfskin
    from hfskin.data.dataset import LesionDataset
    from hfskin.data.ham10000 import load_ham10000
    from hfskin.training.recipes import MODERN
    from hfskin.training.trainer import HfskinTrainer

    model = hfskin.HfskinForImageClassification.from_pretrained(checkpoint)
    processor = hfskin.HfskinImageProcessor.from_pretrained(checkpoint)
    trainer = HfskinTrainer(
        model=model,
        args=TrainingArguments(
            str(folder),
            max_steps=3,
            learning_rate=1e-2,
            save_strategy="no",
            report_to=[],
            hub_model_id=name,
            use_cpu=True,
        ),
        train_dataset=LesionDataset(load_ham10000(DATA), processor),
        processing_class=processor,
        recipe=replace(MODERN, ema_decay=0.9, start_scale=1.0),
        best_dir=folder,
    )
    trainer.train()
    trainer.push_to_hub()
    raw = logits(model, processor)
    with trainer.averaged_weights():
        averaged = logits(model, processor)
    loaded = AutoModelForImageClassification.from_pretrained(name)
    return raw, averaged, logits(loaded, AutoImageProcessor.from_pretrained(name))


@pytest.fixture
def copy(checkpoint, tmp_path):
    """A copy of the checkpoint that may be spoiled."""
    return shutil.copytree(checkpoint, tmp_path / "copy")


def test_one_commit_holds_everything(hub, client, copy):
    (copy / "plots").mkdir()
    (copy / "plots" / "roc.png").write_bytes(b"a plot")
    (copy / "notes.txt").write_text("not for others")
    lines = client(push_tiny, copy, "org/all")
    repo = hub.repo("org/all")
    assert len(repo.commits) == 2  # the repository's first, empty one, and ours
    records = {"README.md", "metrics.json", "training.json", "split.csv", "plots/roc.png"}
    assert set(repo.files) == {".gitattributes"} | CODE | WEIGHTS | records
    assert repo.files["model.safetensors"] == (copy / "model.safetensors").read_bytes()
    assert {line.split()[0] for line in lines[1:]} == set(repo.files) - {".gitattributes"}
    assert str(copy) not in repo.files["config.json"].decode()


def test_what_would_be_sent_can_be_looked_at(hub, client, checkpoint, pushed, tmp_path):
    before = len(hub.repo(pushed).commits)
    other = shutil.copytree(checkpoint, tmp_path / "other")
    (other / "plots").mkdir()
    (other / "plots" / "roc.png").write_bytes(b"a plot")
    for folder in (other, checkpoint):  # to the same place again: nothing of the other is left
        code, output = client(push_by_command, "push", folder, pushed, "--space", "-o", tmp_path / "kept")
        assert code == 0, output
    assert not (tmp_path / "kept" / "model" / "plots").exists()
    model, sent = tmp_path / "kept" / "model", dict(hub.repo(pushed).files)
    del sent[".gitattributes"]
    assert {str(path.relative_to(model)): path.read_bytes() for path in model.rglob("*") if path.is_file()} == sent
    assert (tmp_path / "kept" / "space" / "app.py").is_file()
    assert len(hub.repo(pushed).commits) == before
    assert f"next: hfskin predict PICTURE --model {model}" in output
    (model / "mine.txt").write_text("by hand")
    code, output = client(push_by_command, "push", checkpoint, pushed, "-o", tmp_path / "kept")
    assert (code, output.count("\n")) == (2, 1)
    assert "mine.txt: is not what an earlier push wrote" in output
    assert (tmp_path / "kept" / "space" / "app.py").is_file()
    (model / "mine.txt").unlink()
    outside, kept = tmp_path / "outside.txt", tmp_path / "kept" / ".pushed.json"
    outside.write_text("another's")
    kept.write_text(json.dumps([*json.loads(kept.read_text()), "../outside.txt", str(outside)]))
    code, output = client(push_by_command, "push", checkpoint, pushed, "-o", tmp_path / "kept")
    assert code == 0, output
    assert [path.name for path in sorted((tmp_path / "kept").iterdir())] == [".pushed.json", "model"]
    assert outside.exists()


def test_settings_stay_as_they_are_so_that_the_graph_fits(hub, client, copy):
    for name, change in (("config.json", {"use_cache": False}), ("preprocessor_config.json", {"max_stretch": None})):
        facts = json.loads((copy / name).read_text()) | change
        (copy / name).write_text(json.dumps({key: value for key, value in facts.items() if value is not None}))
    before = fingerprint(copy)
    client(push_tiny, copy, "org/settings")
    sent = hub.repo("org/settings").files
    for name in ("config.json", "preprocessor_config.json", "model.safetensors"):
        (copy / name).write_bytes(sent[name])
    assert fingerprint(copy) == before
    assert "auto_map" in json.loads(sent["config.json"])


def test_half_precision_stays_half(hub, client, copy):
    client(halve, copy / "model.safetensors")
    client(push_tiny, copy, "org/half-precision")
    assert hub.repo("org/half-precision").files["model.safetensors"] == (copy / "model.safetensors").read_bytes()


def test_the_second_push_replaces_the_first(hub, client, copy):
    (copy / "old.png").write_bytes(b"a plot")
    client(push_tiny, copy, "org/again")
    hub.repo("org/again").files["LICENSE"] = b"the user's own"
    (copy / "old.png").unlink()
    (copy / "metrics.json").unlink()
    client(push_tiny, copy, "org/again", without_metrics=True)
    assert not {"old.png", "metrics.json"} & set(hub.repo("org/again").files)
    assert hub.repo("org/again").files["LICENSE"] == b"the user's own"


def test_a_checkpoint_without_metrics_is_refused_unless_told(hub, client, copy):
    (copy / "metrics.json").unlink()
    assert "run `hfskin evaluate`" in client(refusal, copy, "org/unmeasured")
    assert ("model", "org/unmeasured") not in hub.repos
    client(push_tiny, copy, "org/unmeasured", without_metrics=True)
    assert "without an evaluation" in hub.repo("org/unmeasured").files["README.md"].decode()


def test_a_broken_checkpoint_is_refused(hub, client, copy):
    weights = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    assert "only half there" in client(refusal, copy, "org/broken")
    (copy / "preprocessor_config.json").unlink()
    assert "has no preprocessor_config.json" in client(refusal, copy, "org/broken")
    assert "no such folder" in client(refusal, copy / "nowhere", "org/broken")
    assert ("model", "org/broken") not in hub.repos


def test_weights_that_do_not_fit_are_refused(hub, client, copy):
    client(set_aside, copy / "model.safetensors", "classifier.bias")
    message = client(refusal, copy, "org/unfit")
    assert "model.safetensors does not fit config.json" in message
    assert message.count("\n") == 0
    assert ("model", "org/unfit") not in hub.repos


def test_broken_metrics_are_named_where_the_user_has_them(client, copy):
    (copy / "metrics.json").write_text("{")
    assert client(refusal, copy, "org/broken").startswith(f"{copy / 'metrics.json'} is not the JSON")


def test_a_push_without_network(hub, client, checkpoint, dead_endpoint):
    message = client(refusal_without_network, checkpoint, "org/unreachable", dead_endpoint)
    assert message.endswith("cannot be reached; check the network, then try again")
    assert "cache" not in message


def test_what_else_the_hub_says_is_passed_on_in_one_line(hub, client, checkpoint, pushed):
    before = len(hub.repo(pushed).commits)
    hub.refusal = 413, "The repository is\tfull"
    try:
        message = client(refusal, checkpoint, pushed)
    finally:
        hub.refusal = None
    assert (
        message == f"{pushed}: the Hub refused with HTTP 413 (The repository is full); put that right, then try again"
    )
    assert len(hub.repo(pushed).commits) == before


def test_a_push_that_breaks_off_leaves_the_old_revision_and_can_be_repeated(hub, client, copy):
    client(push_tiny, copy, "org/kept")
    before = hub.repo("org/kept").commits[-1]
    (copy / "metrics.json").write_text('{"schema_version": 1}')
    hub.drop_commits = True
    try:
        assert "broke off" in client(refusal, copy, "org/kept")
    finally:
        hub.drop_commits = False
    assert hub.repo("org/kept").commits[-1] == before
    client(push_tiny, copy, "org/kept")
    assert json.loads(hub.repo("org/kept").files["metrics.json"]) == {"schema_version": 1}


@pytest.mark.parametrize(
    ("name", "kwargs", "said"),
    [
        ("org/new", {"token": False}, "log in with `hf auth login` or set HF_TOKEN"),
        ("org/new", {"token": "hf_expired"}, "no valid token"),
        ("org/new", {"token": READER}, "the token has no right"),
        ("org/tiny", {"token": READER}, "the token has no right"),
        ("org/tiny", {"private": True}, "exists and is public"),
        ("what is this", {}, "neither a folder nor a name on the Hub"),
        ("half", {}, "give organisation/name"),
    ],
)
def test_what_is_said_where_a_push_is_not_possible(hub, client, checkpoint, pushed, name, kwargs, said):
    before = len(hub.repo(pushed).commits)
    message = client(refusal, checkpoint, name, **kwargs)
    assert said in message
    assert message.count("\n") == 0
    assert len(hub.repo(pushed).commits) == before


def test_the_command(hub, client, checkpoint):
    code, output = client(push_by_command, "push", checkpoint, "org/by-command", "--private")
    assert code == 0, output
    assert "model org/by-command (private):" in output
    assert "model.safetensors" in output
    assert hub.repo("org/by-command").private


def test_the_command_says_in_one_line_what_is_wrong(client, tmp_path):
    code, output = client(push_by_command, "push", tmp_path, "org/nothing")
    assert code == 2
    assert output.startswith("hfskin: ")
    assert output.count("\n") == 1


def test_push_to_hub_of_the_model_sends_what_the_command_sends(hub, client, checkpoint, pushed):
    client(push_by_method, checkpoint, "org/by-method")
    found, expected = hub.repo("org/by-method"), hub.repo(pushed)
    assert len(found.commits) == 2
    assert {**found.files, "README.md": b""} == {**expected.files, "README.md": b""}
    assert b"license: cc-by-nc-4.0" in found.files["README.md"]


def test_push_to_hub_of_a_changed_model_leaves_the_metrics_behind(hub, client, checkpoint):
    client(push_by_method, checkpoint, "org/changed")
    assert "metrics.json" in hub.repo("org/changed").files
    client(push_by_method, checkpoint, "org/changed", change=True)
    files = hub.repo("org/changed").files
    assert set(files) == {".gitattributes", "README.md"} | CODE | WEIGHTS
    assert "without an evaluation" in files["README.md"].decode()


def test_push_to_hub_of_a_repository_that_was_loaded(hub, client, pushed):
    client(push_by_method, pushed, "org/from-hub")
    found, expected = hub.repo("org/from-hub").files, hub.repo(pushed).files
    assert {**found, "README.md": b""} == {**expected, "README.md": b""}


def test_push_to_hub_of_a_model_that_is_new(client, checkpoint):
    alone, backbone = client(push_a_new_model, checkpoint, "org/new-model")
    assert "save the processor too" in alone
    assert backbone == "mobilenet_v3_small"


def test_push_to_hub_of_the_trainer_sends_the_averaged_weights(hub, client, checkpoint, tmp_path):
    raw, averaged, loaded = client(push_by_trainer, checkpoint, "org/by-trainer", tmp_path / "run")
    np.testing.assert_allclose(loaded, averaged, rtol=1e-5, atol=1e-6)
    assert not np.allclose(raw, averaged, atol=1e-4)
    repo = hub.repo("org/by-trainer")
    assert len(repo.commits) == 2
    assert set(repo.files) == {".gitattributes", "README.md"} | CODE | WEIGHTS  # and not training_args.bin, a pickle
    assert "license: cc-by-nc-4.0" in repo.files["README.md"].decode()


def test_what_was_pushed_is_what_was_trained(hub, client, checkpoint, pushed, tmp_path):
    for name, data in hub.repo(pushed).files.items():
        (tmp_path / name).write_bytes(data)
    np.testing.assert_allclose(client(local_logits, tmp_path), client(local_logits, checkpoint), rtol=1e-6, atol=1e-7)
