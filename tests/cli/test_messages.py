"""What the commands say where somebody is at the start, has little data, or slipped."""

import json
import re
import shlex
import shutil
import warnings

import numpy as np
import pytest
from paths import DATA
from typer.testing import CliRunner

from hfskin.calibration import thresholds
from hfskin.calibration.thresholds import TEMPERATURES, fit_temperature
from hfskin.cli import app
from hfskin.cli.console import say_own_warnings
from hfskin.cli.labelled import Split, data_name, load_table
from hfskin.data.ham10000 import DataError
from hfskin.data.splits import check_leaks, make_split
from hfskin.model.labels import CLASSES
from hfskin.training.losses import class_weights


def said(*args) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert "Traceback" not in result.output
    return result.exit_code, result.stdout, result.stderr


def test_one_class_leaves_metrics_undefined(tmp_path, tiny_checkpoint):
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(DATA / "images" / "ISIC_0024308.jpg", data)
    (data / "metadata.csv").write_text("image_id,dx,age\nISIC_0024308,nv,55\n")
    model = shutil.copytree(tiny_checkpoint, tmp_path / "model")
    output = tmp_path / "metrics.json"
    code, out, _ = said("evaluate", "--data", data, "--model", model, "--split", "all", "-o", output)
    assert code == 0
    assert "auc_macro  undefined: the pictures are too few, or of one class" in out.splitlines()
    assert json.loads(output.read_text())["results"]["with_metadata"]["metrics"]["auc_macro"]["value"] is None
    assert not (model / "metrics.json").exists()


def test_a_small_data_set_is_split_into_fewer_parts(table):
    split = make_split(table, "lesion")
    assert split.attrs["parts"] == 4
    assert check_leaks(split) == 0
    for part, share in (("train", 2), ("val", 1), ("test", 1)):
        assert split.loc[split["split"] == part, "dx"].value_counts().to_dict() == dict.fromkeys(
            set(table["dx"]), share
        )
    few = table[(table["dx"] != "df") | (table.groupby("dx").cumcount() < 2)].reset_index(drop=True)
    with pytest.raises(DataError, match=r"df has 2 lesions, .* need 3 of each class; add some"):
        make_split(few, "lesion")


def test_a_rare_class_is_in_every_part(table):
    kinds = table["dx"].map({"df": "df", "mel": "mel"}).fillna("other")  # 4 lesions, 4 and 20: enough for tenths
    split = make_split(table.assign(dx=kinds), "lesion")
    assert check_leaks(split) == 0
    for part in ("train", "val", "test"):
        assert set(split["dx"][split["split"] == part]) == {"df", "mel", "other"}
    assert (split["split"] == "train").sum() >= 20


def test_our_warning_is_a_line(monkeypatch):
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    say_own_warnings()
    assert warnings.formatwarning("mind", UserWarning, thresholds.__file__, 1) == "hfskin: mind\n"
    assert warnings.formatwarning("mind", UserWarning, np.__file__, 1).startswith(f"{np.__file__}:1: UserWarning: mind")


def test_evaluate_writes_into_the_checkpoint_and_each_command_names_the_next(tmp_path, tiny_checkpoint):
    model = shutil.copytree(tiny_checkpoint, tmp_path / "my model")
    (data := tmp_path / "data").mkdir()  # the table alone
    shutil.copy(DATA / "HAM10000_metadata.csv", data)
    code, out, err = said("calibrate", model, "--data", data, "--images", DATA / "images")
    assert code == 0
    assert f"{data}: few lesions a class, so one in 4 is for validation and one in 4 for test" in err
    which = f"--data {data} --images {DATA / 'images'} --split lesion"
    assert out.splitlines()[-1] == f"next: hfskin evaluate --model '{model}' {which}"
    code, out, _ = said(*shlex.split(out.splitlines()[-1])[2:])
    assert code == 0
    assert out.splitlines()[-2:] == [f"saved {model}/metrics.json", f"next: hfskin push '{model}' organisation/name"]
    assert json.loads((model / "metrics.json").read_text())["data"]["split"] == "lesion"


def test_evaluate_loads_a_checkpoint_once(tmp_path, tiny_checkpoint, monkeypatch):
    from hfskin.inference import backend

    loaded = []
    load = backend._by_torch
    monkeypatch.setattr(backend, "_by_torch", lambda *args: loaded.append(args) or load(*args))
    model = shutil.copytree(tiny_checkpoint, tmp_path / "model")
    output = model / "metrics.json"
    code, out, _ = said("evaluate", "--model", model, "--data", DATA, "-o", output)
    assert code == 0
    assert out.splitlines()[-2:] == [f"saved {output}", f"next: hfskin push {model} organisation/name"]
    assert len(loaded) == 1


def test_a_part_that_lacks_a_class_is_named(tmp_path, table, capsys):
    for i in range(20):
        shutil.copy(table["path"][0], tmp_path / f"picture{i}.jpg")
    rows = [f"picture{i},{'mel' if i == 0 else 'nv'}" for i in range(20)]
    (tmp_path / "metadata.csv").write_text("\n".join(["image_id,dx", *rows]))
    load_table(str(tmp_path), Split.lesion)
    assert re.search(r"the (test|val) part holds no .*mel", capsys.readouterr().err)


def test_only_hams_pictures_are_called_so(table):
    assert data_name("hub:org/ham@v1", table, CLASSES) == data_name("hub:org/ham", table, CLASSES) == "org/ham"
    assert data_name("my/clinic", table, CLASSES) == "HAM10000"
    assert data_name("my/clinic", table, ("benign", "malignant")) == "clinic"
    others = table.assign(image_id=[f"ISIC_{5_000_000 + i:07}" for i in range(len(table))])
    assert data_name("my/clinic", others, CLASSES) == "clinic"


SLIPS = [  # a command, and what it says of the slip
    ("calibrate {tmp}/gone --data {data}", "gone: no such folder; give the checkpoint folder of"),
    ("average {model} {tmp}/gone -o {tmp}/out", "gone: no such folder; give the checkpoint folder of"),
    ("ensemble {model} {tmp}/gone -o {tmp}/out", "gone: no such folder; give the checkpoint folder of"),
    ("train --data {data} -o {tmp}/out --from {tmp}/gone", "gone: no such folder; give the checkpoint folder of"),
    (
        "train --data {data} -o {tmp}/out --from {model} --teacher {tmp}/gone",
        "gone: no such folder; give the checkpoint",
    ),
    ("train --data {data} -o {tmp}/out --from {model} --images {tmp}/gone", "gone: no such folder"),
    ("train --data {data}/metadata.csv -o {tmp}/out --from {model}", "no such folder"),
    ("train --data {data}/HAM10000_metadata.csv -o {tmp}/out --from {model}", "is a file; give the folder that it"),
    ("train --data {data} -o {tmp}/out --from {model} --epochs 0", "Invalid value for '--epochs'"),
    ("train --data {data} -o {tmp}/out --from {model} --image-size 0 0", "no backbone reads pictures below 32x32"),
    ("train --data {data} -o {tmp}/out --backbone resnet50 --backbone-weights {tmp}/gone", "no such file; give"),
    ("train --data {data} -o {tmp}/out --from {model} --classes nv", "one class alone leaves nothing to tell apart"),
    ("train --data {data} -o {tmp}/out --from {model} --split paper", "28 pictures with an age are too few"),
    ("evaluate --data {data} --model gone", "'gone' is neither a folder nor a name on the Hub"),
    ("evaluate --data {data} --model {model} --copies {tmp}/gone", "gone: no such folder"),
    ("evaluate --data {data} --model {model} --masks {data}", "no masks; they are named"),
    ("evaluate --data {data} --model {model} --part train", "'train' is not one of"),
    ("export {tmp}/gone", "gone: no such folder, and a repository of the Hub needs --output"),
    ("export {model} --int8 {tmp}/gone", "does not exist"),
    ("push {tmp}/gone my/own -o {tmp}/out", "gone: no such folder; give the checkpoint folder of"),
    ("push {model} my/own -o {tmp}/out", "has no metrics.json; run `hfskin evaluate`"),
    ("dataset build {data} --push mine -o {tmp}/out", "'mine' is half a name; give organisation/name"),
    ("push {model} mine -o {tmp}/out", "'mine' is half a name; give organisation/name"),
]


@pytest.mark.parametrize(("command", "message"), SLIPS)
def test_a_slip_is_said_before_any_work(command, message, tmp_path, tiny_checkpoint):
    code, out, err = said(*command.format(tmp=tmp_path, data=DATA, model=tiny_checkpoint).split())
    assert (code, out) == (2, "")
    assert message.replace(" ", "") in "".join(err.replace("│", "").split())  # a usage error stands in a box
    assert not (tmp_path / "out").exists()


def test_a_picture_that_cannot_be_read_is_named_once_in_its_row(tmp_path, tiny_checkpoint):
    code, out, err = said("predict", tmp_path / "gone.jpg", "--model", tiny_checkpoint)
    assert (code, err) == (1, "gone.jpg: no such file\n")
    assert out.splitlines()[1].split(maxsplit=1) == ["gone.jpg", "could not be read: no such file"]


def test_training_says_what_is_wrong_before_it_reads_the_data(tmp_path):
    train = "train", "--data", tmp_path / "gone", "-o", tmp_path / "run"
    code, _, err = said(*train, "--backbone", "no_such_net")
    assert (code, err.count("\n")) == (2, 1)
    assert "unknown backbone 'no_such_net'; choose one of" in err
    code, _, err = said(*train, "--backbone", "mobilenet_v1", "--split", "all")
    assert code == 2
    assert "leaves nothing to train on" in err
    with pytest.raises(ValueError, match="no training pictures of bcc, vasc; each of the 7 classes"):
        class_weights([1, 0, 1, 1, 1, 1, 0])


def test_without_a_network_the_default_weights_name_the_alternatives(tmp_path):
    """HF_HUB_OFFLINE is set for all tests."""
    code, _, err = said("train", "--data", DATA, "-o", tmp_path / "run", "--backbone", "mobilenet_v3_small")
    assert code == 2
    assert "--backbone-weights FILE" in err
    assert "--backbone-weights none" in err
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_a_network_that_knows_nothing_is_told():
    draw = np.random.default_rng(0)
    with pytest.warns(UserWarning, match="it is untrained"):
        assert fit_temperature(1e4 * draw.standard_normal((200, 7)), draw.integers(7, size=200)) == TEMPERATURES[1]


def test_a_slip_in_a_folders_name_asks_for_no_network(tmp_path, lesion_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    code, _, err = said("predict", lesion_path, "--model", "runs/mine")
    assert (code, err) == (2, "hfskin: runs/mine: no such folder; `ls runs` shows what is there\n")


def test_an_address_is_said_not_to_be_fetched(tiny_checkpoint):
    code, _, err = said("predict", "https://example.org/lesion.jpg", "--model", tiny_checkpoint)
    assert (code, err) == (1, "lesion.jpg: addresses are not fetched; save the picture and give its file\n")
