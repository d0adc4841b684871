"""HAM10000 to the Hub and back: the same table, the same pictures, the same splits."""

import shutil

import numpy as np
import pandas as pd
import pytest
from hub_fixtures import DATA, message_of

pytestmark = pytest.mark.slow

pytest_plugins = ["hub_fixtures"]

COPIES = 3  # a split by lesion wants ten lesions a class; tests/data holds four


def build_by_command(*arguments):
    import typer
    from typer.testing import CliRunner

    from hfskin.cli.hub import mount

    app = typer.Typer()
    mount(app)
    result = CliRunner().invoke(app, ["dataset", "build", *map(str, arguments)])
    return result.exit_code, result.output


def table_of(source, split=None):
    from hfskin.data.hub_dataset import load_table
    from hfskin.data.splits import make_split

    table = load_table(source)
    return table if split is None else make_split(table, split)


def network_inputs(source):
    """What the network sees of the test part."""
    from hfskin import HfskinImageProcessor
    from hfskin.data.dataset import LesionDataset

    table = table_of(source, "lesion")
    rows = LesionDataset(table[table["split"] == "test"], HfskinImageProcessor())
    return [{key: value.numpy() for key, value in row.items()} for row in rows]


def measured(checkpoint, source):
    """What an evaluation says of the test part, without what differs from run to run."""
    from hfskin.evaluation.report import evaluate

    report = evaluate(str(checkpoint), table_of(source, "lesion"), "lesion", "test")
    return {key: value for key, value in report.items() if key != "environment"}


def first_row(name):
    from datasets import load_dataset

    row = load_dataset(name, split="test")[0]
    return {**row, "image": row["image"].size}


def failure(source):
    from hfskin.data.hub_dataset import load_table

    return message_of(load_table, source)


def value_error(source, classes):
    from hfskin.data.hub_dataset import load_table

    try:
        load_table(source, classes=classes)
    except ValueError as error:
        return str(error)


def data_error(source):
    from hfskin.data.ham10000 import DataError
    from hfskin.data.hub_dataset import load_table

    try:
        load_table(source)
    except DataError as error:
        return str(error)


PARTS_CARD = b"""---
configs:
- config_name: default
  data_files:
  - split: holdout
    path: holdout.csv
---
"""


@pytest.fixture(scope="module")
def ham(tmp_path_factory):
    """tests/data four times over, one age missing."""
    folder = tmp_path_factory.mktemp("ham")
    table = pd.read_csv(DATA / "HAM10000_metadata.csv", dtype=str, keep_default_na=False)
    rows = []
    for i in range(COPIES + 1):
        for row in table.to_dict("records"):
            name = f"{row['image_id']}_{i}"
            shutil.copyfile(DATA / "images" / f"{row['image_id']}.jpg", folder / f"{name}.jpg")
            rows.append({**row, "image_id": name, "lesion_id": f"{row['lesion_id']}_{i}"})
    rows[5]["age"] = ""
    pd.DataFrame(rows).to_csv(folder / "HAM10000_metadata.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def published(client, ham, tmp_path_factory):
    kept = tmp_path_factory.mktemp("kept")  # its lock and what else lies there is not sent
    (kept / "patients.txt").write_text("private")
    code, output = client(build_by_command, ham, "--push", "org/ham", "-o", kept)
    assert code == 0, output
    assert f"saved {kept}" in output
    assert "patients.txt" not in output
    return "hub:org/ham"


def test_one_commit_of_parquet_files_and_a_card(hub, published):
    repo = hub.repo("org/ham", "dataset")
    assert len(repo.commits) == 2
    parts = {f"data/{part}-00000-of-00001.parquet" for part in ("train", "validation", "test")}
    assert set(repo.files) == {".gitattributes", "README.md"} | parts
    card = repo.files["README.md"].decode()
    assert "license: cc-by-nc-4.0" in card
    assert "| train | 88 | 88 |" in card


def test_the_table_comes_back_as_it_was(client, ham, published):
    for split in ("lesion", "paper", "all"):
        expected, found = client(table_of, ham, split), client(table_of, published, split)
        pd.testing.assert_frame_equal(found[expected.columns].drop(columns="path"), expected.drop(columns="path"))
        assert [path.read_bytes() for path in expected["path"]] == list(found["path"])


def test_the_published_split_is_the_split(client, ham, published):
    assert client(table_of, published)["split"].tolist() == client(table_of, ham, "lesion")["split"].tolist()


def test_the_network_sees_the_same(client, ham, published):
    expected, found = client(network_inputs, ham), client(network_inputs, published)
    assert len(expected) == len(found) == 12
    for ours, theirs in zip(expected, found, strict=True):
        assert all(np.array_equal(ours[key], theirs[key]) for key in ("pixel_values", "metadata", "labels"))


def test_an_evaluation_measures_the_same(client, checkpoint, ham, published):
    assert client(measured, checkpoint, published) == client(measured, checkpoint, ham)


def test_a_user_without_hfskin_reads_it(client, published):
    row = client(first_row, "org/ham")
    assert row["image"] == (200, 150)
    assert row["dx"] == 0
    assert isinstance(row["age"], float)


def test_a_revision_pins(hub, client, published):
    repo = hub.repo("org/ham", "dataset")
    first = repo.commits[-1]
    files = {name: data for name, data in first[1].items() if "test" not in name}
    repo.commit({**files, "README.md": b""})
    try:
        assert len(client(table_of, "hub:org/ham")) == 100
        assert len(client(table_of, f"hub:org/ham@{first[0]}")) == 112
    finally:
        repo.commits.pop()


def test_what_is_said_where_there_is_none(client, published):
    assert "no such folder or repository, or a private one" in client(failure, "hub:org/nobody")
    assert "no revision 'v9'" in client(failure, "hub:org/ham@v9")
    assert "names look like organisation/name" in client(failure, "hub:")
    assert "give organisation/name" in client(failure, "hub:ham")


def test_a_folder_that_is_written_again_holds_each_row_once(table, tmp_path, monkeypatch):
    from hfskin.data import hub_dataset

    parts = hub_dataset.build_dataset(table)
    with monkeypatch.context() as small:
        small.setattr(hub_dataset, "SHARD_BYTES", 2e4)
        hub_dataset.write_dataset(parts, tmp_path, "org/ham")
    assert len(list(tmp_path.glob("data/train-*"))) > 1
    hub_dataset.write_dataset(parts, tmp_path, "org/ham")
    assert len(list(tmp_path.glob("data/*"))) == 3


def test_other_classes_than_those_of_the_hub_are_no_silent_wish(client, published):
    assert "which is none of the classes: mel, nv" in client(value_error, published, ["mel", "nv"])


def test_classes_of_ones_own(hub, client, ham, tmp_path):
    (own := tmp_path / "own").mkdir()
    table = pd.read_csv(ham / "HAM10000_metadata.csv")
    table["dx"] = ["malignant" if dx in ("akiec", "bcc", "mel") else "harmless" for dx in table["dx"]]
    table.to_csv(own / "metadata.csv", index=False)
    for picture in ham.glob("*.jpg"):
        (own / picture.name).hardlink_to(picture)
    code, output = client(build_by_command, own, "--push", "org/own")
    assert code == 0, output
    expected, found = client(table_of, own, "lesion"), client(table_of, "hub:org/own")
    assert found.attrs["classes"] == ("harmless", "malignant")
    assert found["dx"].tolist() == expected["dx"].tolist()
    assert found["split"].tolist() == expected["split"].tolist()
    card = hub.repo("org/own", "dataset").files["README.md"].decode()
    assert "| split | pictures | lesions | harmless | malignant |" in card
    assert "| `dx` | the diagnosis: 0 harmless; 1 malignant |" in card
    assert not any(word in card for word in ("HAM10000", "license:", "Vienna"))


def test_a_data_set_of_another_kind_is_refused(hub, client):
    hub.add("org/other", {"data.csv": b"image,label\na,b\n"}, kind="dataset")
    assert "column 'image_id' is missing" in client(data_error, "hub:org/other")
    hub.add("org/parts", {"holdout.csv": b"image,label\na,b\n", "README.md": PARTS_CARD}, kind="dataset")
    assert "has the parts holdout, and none of train, validation, test" in client(data_error, "hub:org/parts")
    names = "image,image_id,lesion_id,dx,dx_type,age,sex,localization,row"
    hub.add("org/plain", {"data.csv": f"{names}\na.jpg,a,a,nv,histo,50,male,back,0\n".encode()}, kind="dataset")
    assert "column 'dx' does not say its classes" in client(data_error, "hub:org/plain")


def test_the_command_keeps_the_files_where_told(client, ham, tmp_path):
    code, output = client(build_by_command, ham, "-o", tmp_path / "kept")
    assert code == 0, output
    assert (tmp_path / "kept" / "data" / "test-00000-of-00001.parquet").is_file()
    code, output = client(build_by_command, ham)
    assert code != 0
    assert "--push" in output
