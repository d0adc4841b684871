import shutil

import pandas as pd
import pytest
import torch
from PIL import Image

from hfskin import HfskinImageProcessor, encode_metadata
from hfskin.checkpoints.history import write_split
from hfskin.data import splits
from hfskin.data.dataset import LesionDataset, TrainingDataset
from hfskin.data.ham10000 import DataError, find_masks, gaps, load_ham10000, read_table
from hfskin.data.hub_dataset import build_dataset
from hfskin.data.splits import check_leaks, folds, lesion_groups, make_split
from hfskin.data.transforms import training_transform
from hfskin.model.labels import CLASSES
from scripts.folds.report import fold_split


def synthetic_table(n_lesions: int = 400) -> pd.DataFrame:
    """Lesions of one to three pictures, all classes; every seventh without an age."""
    rows = []
    for i in range(n_lesions):
        for j in range(1 + i % 3):
            rows.append((f"L{i}", f"I{i}_{j}", CLASSES[i % 7], float("nan") if i % 7 == 0 else 50.0))
    return pd.DataFrame(rows, columns=["lesion_id", "image_id", "dx", "age"])


@pytest.fixture
def many(data_folder, tmp_path):
    """A data folder with 16 lesions a class: every picture of tests/data under four names."""
    rows = pd.read_csv(data_folder / "HAM10000_metadata.csv", dtype=str)
    copies = [rows.assign(**{c: rows[c] + f"_{i}" for c in ("image_id", "lesion_id")}) for i in range(4)]
    pd.concat(copies).to_csv(tmp_path / "HAM10000_metadata.csv", index=False)
    for picture in (data_folder / "images").iterdir():
        for i in range(4):
            shutil.copy(picture, tmp_path / f"{picture.stem}_{i}.jpg")
    return tmp_path


def test_published_layout_is_read(table):
    assert len(table) == 28
    assert table["dx"].value_counts().to_dict() == dict.fromkeys(CLASSES, 4)
    assert table["age"].dtype == float
    assert all(path.is_file() for path in table["path"])


def test_dataverse_tab_and_isic_ground_truth(tmp_path, data_folder):
    text = (data_folder / "HAM10000_metadata.csv").read_text()
    (tmp_path / "HAM10000_metadata.tab").write_text(text.replace(",", "\t"))
    pd.testing.assert_frame_equal(
        read_table(tmp_path / "HAM10000_metadata.tab"), read_table(data_folder / "HAM10000_metadata.csv")
    )
    (tmp_path / "truth.csv").write_text("image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\nA,0,0,1,0,0,0,0\nB,1,0,0,0,0,0,0\n")
    truth = read_table(tmp_path / "truth.csv")
    assert truth["dx"].tolist() == ["bcc", "mel"]
    assert truth["lesion_id"].tolist() == ["A", "B"]
    assert truth["age"].isna().all()


def test_a_picture_without_a_lesion_id_is_a_lesion_of_its_own(tmp_path):
    (tmp_path / "metadata.csv").write_text("image_id,dx,lesion_id\nA,nv,\nB,nv, \nC,nv,L\nD,nv,L\nE,nv\n")
    assert read_table(tmp_path / "metadata.csv")["lesion_id"].tolist() == ["A", "B", "L", "L", "E"]


@pytest.mark.parametrize("row", ["0.5,0.5,0,0,0,0,0", "1,1,-1,0,0,0,0", "1,1,0,0,0,0,0", "0,0,0,0,0,0,0"])
def test_a_ground_truth_row_without_one_diagnosis_is_refused(tmp_path, row):
    (tmp_path / "truth.csv").write_text(f"image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\nA,0,0,1,0,0,0,0\nB,{row}\n")
    with pytest.raises(DataError, match=r"one 1\.0 and else 0\.0"):
        read_table(tmp_path / "truth.csv")


def test_the_first_image_root_that_holds_an_id_wins(tmp_path, data_folder, table):
    first = table["image_id"].iloc[0]
    Image.new("RGB", (64, 48)).save(tmp_path / f"{first}.jpg")
    paths = load_ham10000(data_folder, [tmp_path]).set_index("image_id")["path"]
    assert paths[first].parent == tmp_path
    assert sum(path.parent == tmp_path for path in paths) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image_id,age\nA,1\n", "column 'dx' is missing"),
        ('image_id,"age\nof the patient"\nA,1\n', "column 'dx' is missing; it has image_id$"),
        ("image_id,dx\nA,nv\nA,mel\n", "'A' stands twice"),
        ("image_id,dx\nA,mole\n", "unknown dx 'mole'"),
        ("image_id,dx,age\nA,nv,30,4\n", "row 2: more cells than titles"),
        ("", "no column named image_id"),
        ("image_id,dx\n", "has no row below its titles"),
        ("image_id,dx\nA,SCC\n", r"no row has one of the diagnoses akiec, .*; the first is A \(SCC\)"),
    ],
)
def test_a_bad_table_is_named_with_its_fault(tmp_path, text, message):
    (tmp_path / "metadata.csv").write_text(text)
    with pytest.raises(DataError, match=rf"metadata\.csv.*{message}"):
        read_table(tmp_path / "metadata.csv")


def test_a_bad_folder_is_named_with_its_fault(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        load_ham10000(tmp_path / "gone")
    with pytest.raises(DataError, match="no metadata table"):
        load_ham10000(tmp_path)
    (tmp_path / "metadata.csv").write_text("image_id,dx\nA,nv\n")
    with pytest.raises(DataError, match="no picture of the table's 1 row"):
        load_ham10000(tmp_path)
    (tmp_path / "metadata.csv").write_bytes("image_id,dx\nÄ\0,nv\n".encode("cp1252"))
    with pytest.raises(DataError, match="UTF-8"):
        load_ham10000(tmp_path)


def test_lesion_split_keeps_lesions_together_and_classes_in_share():
    split = make_split(synthetic_table(), "lesion", seed=3)
    assert check_leaks(split) == 0
    shares = split["split"].value_counts(normalize=True)
    assert shares["train"] == pytest.approx(0.8, abs=0.03)
    assert set(split.loc[split["split"] == "test", "dx"]) == set(CLASSES)
    again = make_split(synthetic_table(), "lesion", seed=3)
    pd.testing.assert_frame_equal(split, again)
    assert not split["split"].equals(make_split(synthetic_table(), "lesion", seed=4)["split"])


def test_paper_split_drops_missing_ages_and_leaks():
    split = make_split(synthetic_table(), "paper")
    assert split["age"].notna().all()
    assert set(split["split"]) == {"train", "val"}
    assert check_leaks(split) > 0
    with pytest.raises(DataError, match="0 pictures with an age are too few for the paper's split"):
        make_split(synthetic_table().assign(age=float("nan")), "paper")


def test_missing_files_move_no_other_picture_to_another_part(many):
    """Nor does a lost picture stay in the split."""

    def parts() -> dict[str, dict[str, str]]:
        table = load_ham10000(many)
        made = {name: make_split(table, name) for name in ("lesion", "paper", "all")}
        made |= {f"fold {fold}": fold_split(table, fold) for fold in range(5)}
        return {name: dict(zip(split["image_id"], split["split"], strict=True)) for name, split in made.items()}

    before = parts()
    gone = sorted(before["all"])[::9]
    for image_id in gone:
        (many / f"{image_id}.jpg").unlink()
    for name, part in parts().items():
        assert part == {image_id: before[name][image_id] for image_id in before[name] if image_id not in gone}
    assert gaps(load_ham10000(many))[0].startswith(f"{len(gone)} rows of the table have no picture")


def test_a_data_set_of_the_hub_wants_every_picture(many):
    """It is split again where it is loaded, from the rows that it has."""
    assert sum(map(len, build_dataset(load_ham10000(many)).values())) == 112
    first = load_ham10000(many)["image_id"][0]
    (many / f"{first}.jpg").unlink()
    with pytest.raises(DataError, match=f"1 row has no picture, such as {first}; add"):
        build_dataset(load_ham10000(many))


def test_a_published_split_that_comes_out_otherwise_is_refused(monkeypatch):
    table = synthetic_table()
    known = splits.digest(table["image_id"], table["lesion_id"], table["dx"])
    tenths = splits.digest(table["image_id"], folds(table, 10).astype(str))
    monkeypatch.setitem(splits.PUBLISHED, known, tenths)
    make_split(table, "lesion")
    fold_split(table.sample(frac=1, random_state=0), 3)  # the order of the rows does not matter
    real = folds
    monkeypatch.setattr(splits, "folds", lambda table, n, seed: real(table, n, seed + 1))  # another scikit-learn
    with pytest.raises(DataError, match=r"^scikit-learn .*install scikit-learn 1\.9\.1"):
        make_split(table, "lesion")
    with pytest.raises(DataError, match="install scikit-learn"):
        fold_split(table, 3)
    make_split(table, "lesion", seed=1)  # not a published one


def test_near_duplicates_with_different_lesion_ids_stay_together():
    table = synthetic_table()
    table.loc[[0, 9], "image_id"] = ["ISIC_0033481", "ISIC_0033421"]  # the first pair of near_duplicates.csv
    groups = lesion_groups(table)
    assert groups[0] == groups[9]
    assert table["lesion_id"][0] != table["lesion_id"][9]
    for seed in range(5):
        fold = folds(table, 10, seed)
        assert fold[0] == fold[9]


def test_split_is_written_with_its_ids(tmp_path):
    split = make_split(synthetic_table(), "lesion")
    write_split(split, tmp_path)
    assert pd.read_csv(tmp_path / "split.csv").columns.tolist() == ["image_id", "lesion_id", "dx", "split"]


def test_too_few_pictures_to_split_says_so(table):
    with pytest.raises(DataError, match=r"akiec has 1 lesion, .* evaluate --split all"):
        make_split(table.groupby("dx").head(1).reset_index(drop=True), "lesion")
    assert set(make_split(table, "all")["split"]) == {"test"}
    with pytest.raises(ValueError, match="unknown split"):
        make_split(table, "random")


def test_lesion_dataset_gives_what_inference_sees(table):
    processor = HfskinImageProcessor()
    row = table.iloc[5]
    for dataset in (LesionDataset(table, processor), LesionDataset(table, processor, in_memory=True)):
        for _ in range(2):
            sample = dataset[5]
            expected = processor(row["path"], return_tensors="pt")["pixel_values"][0]
            torch.testing.assert_close(sample["pixel_values"], expected, atol=1e-5, rtol=1e-5)
    assert sample["labels"] == CLASSES.index(row["dx"])
    expected = torch.from_numpy(encode_metadata(row["age"], row["sex"], row["localization"]))
    torch.testing.assert_close(sample["metadata"], expected)


def test_a_mask_goes_where_its_picture_goes(table, tmp_path):
    """A picture that is its own mask, white on black: whatever happens to it, the mask stays on the white."""
    torch.manual_seed(0)
    image_id = table["image_id"][0]
    sizes = {image_id: (200, 150), "copy": (224, 224), f"{image_id}_segmentation": (600, 450)}
    for name, (width, height) in sizes.items():
        picture = Image.new("RGB", (width, height))
        picture.paste((255, 255, 255), (int(0.4 * width), int(0.2 * height), int(0.7 * width), int(0.6 * height)))
        picture.save(tmp_path / f"{name}.png")
    rows = table[:2].assign(path=[tmp_path / f"{image_id}.png", table["path"][1]])
    copies, masks = {image_id: tmp_path / "copy.png"}, find_masks(tmp_path)
    assert list(masks) == [image_id]
    dataset = TrainingDataset(rows, HfskinImageProcessor(), training_transform((144, 192)), 0.0, copies, masks)
    for _ in range(40):
        sample = dataset[0]
        white = (sample["pixel_values"] > 0).all(dim=0)
        assert ((sample["lesion"][0] > 0) == white).float().mean() > 0.97
    assert not dataset[1]["lesion"].any()  # it has no mask
    assert dataset[1]["lesion"].shape == (1, 144, 192)


def test_a_folder_without_masks_is_refused(tmp_path):
    with pytest.raises(DataError, match="no masks; they are named"):
        find_masks(tmp_path)


def test_the_strength_of_the_augmentation():
    """At 0 a picture is flipped at most; at full strength no flat one stays as it is, at a fifth of it most do."""
    torch.manual_seed(0)
    picture = torch.randint(256, (3, 48, 64), dtype=torch.uint8)
    mirrored = [picture.flip(dims) for dims in ((), (1,), (2,), (1, 2))]
    flipped = [training_transform((48, 64), 0.0)(picture) for _ in range(20)]
    assert all(any(torch.equal(one, other) for other in mirrored) for one in flipped)
    grey = torch.full((3, 48, 64), 128, dtype=torch.uint8)
    for strength, least, most in ((1.0, 0, 0), (0.2, 25, 45)):
        change = training_transform((48, 64), strength)
        assert least <= sum(torch.equal(change(grey), grey) for _ in range(50)) <= most


def test_training_dataset_augments_draws_copies_and_hides_metadata(table, tmp_path):
    torch.manual_seed(0)
    first = table.iloc[0]
    Image.new("RGB", (224, 224), (0, 0, 255)).save(tmp_path / "copy.png")
    dataset = TrainingDataset(
        table[:1],
        HfskinImageProcessor(),
        training_transform((144, 192)),
        0.5,
        {first["image_id"]: tmp_path / "copy.png"},
    )
    assert dataset.pictures[0][1].shape[1:] == (166, 221)  # 4:3 again, at most 1.15 times the model's input
    samples = [dataset[0] for _ in range(60)]
    assert all(s["pixel_values"].shape == (3, 144, 192) for s in samples)
    blue = [bool(s["pixel_values"][0].max() < -0.5) for s in samples]  # the copy has no red
    assert 15 < sum(blue) < 45
    unknown = torch.from_numpy(encode_metadata())
    hidden = [torch.equal(s["metadata"], unknown) for s in samples]
    assert 15 < sum(hidden) < 45
