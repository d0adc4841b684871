"""Tables as people have them: each kind gives the right patient, and whatever is not used is said."""

import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from hfskin.data.folders import files_below
from hfskin.data.ham10000 import DataError, find_images, gaps, load_ham10000, read_table
from hfskin.data.patients import Patients, read_patients
from hfskin.data.tables import MetadataTableError
from hfskin.inference.batch.items import find_pictures
from hfskin.model.metadata import MetadataError, age_note, parse_age, parse_site, understood


def matched(tmp_path: Path, table: str | bytes, *pictures: str, name: str = "m.csv") -> tuple[list, list[str]]:
    """The patients of pictures with such paths, and the notes."""
    (tmp_path / name).write_bytes(table if isinstance(table, bytes) else table.encode())
    found, notes = read_patients(tmp_path / name).match({path: (path, f"/disk/{path}") for path in pictures})
    return [found.get(path) for path in pictures], notes


@pytest.mark.parametrize(
    ("table", "picture", "patient"),
    [
        ("image_id,age,sex\nA,55,m\n,,\n,,\n", "A.jpg", ("55", "m", "")),  # Excel's empty rows
        ("\ufeffimage_id,age,sex\r\nA,55,m\r\n", "A.jpg", ("55", "m", "")),
        ("sep=;\nimage_id;age;sex\nA;55;m\n", "A.jpg", ("55", "m", "")),
        ("image_id;age;sex\nA;55,5;m\n", "A.jpg", ("55,5", "m", "")),
        ("image_id\tage\tsex\nA\t55\tm\n", "A.jpg", ("55", "m", "")),
        ("image_id, age, sex\n ISIC_1 , 55, male\n", "ISIC_1.JPG", ("55", "male", "")),
        ("image_id,age,gender,site\nA,45,female,forearm\n", "A.jpg", ("45", "female", "forearm")),
        ("IMAGE_NAME,Age_Approx,SEX,anatom_site_general_challenge\nA,45.0,male,head/neck\n", "A.jpg",
         ("45.0", "male", "head/neck")),
        ("img_id,region,age,gender\nPAT_8_15_820.png,ARM,8,MALE\n", "PAT_8_15_820.png", ("8", "MALE", "ARM")),
        ("image,age,age_approx\nA,,50\n", "A.jpg", ("50", "", "")),  # an empty column hides no filled one
        ("image_id,age,age\nA,,50\n", "A.jpg", ("50", "", "")),  # nor one of the same title
        ("image_id\tage\tsex\nA\t55\tm\n".encode("utf-16"), "A.jpg", ("55", "m", "")),  # Excel's "Unicode text"
        ("\ufeffBild;Alter;Geschlecht;Lokalisation\nA;55;w;Rücken\n", "A.jpg", ("55", "w", "Rücken")),
        ("fichier;âge;sexe;localisation\nA;55;femme;dos\n", "A.jpg", ("55", "femme", "dos")),
        ("ảnh,tuổi,giới tính,vị trí\nA,55,nữ,lưng\n", "A.jpg", ("55", "nữ", "lưng")),
        ("image_id|age|sex\nA|55|m\n", "A.jpg", ("55", "m", "")),
        ("Image Name,Age (years),Sex,Anatomic Site\nA,55,m,back\n", "A.jpg", ("55", "m", "back")),
        ("bcn_filename,age_approx,anatom_site_general,sex\nA.jpg,55,back,m\n", "A.jpg", ("55", "m", "back")),
        ("case_num,sex,location,clinic,derm\n1,m,back,NEL/B.jpg,NEL/A.jpg\n", "NEL/A.jpg", ("", "m", "back")),
        ("midas_file_name,midas_age,midas_gender,midas_location\nA.jpg,55,m,back\n", "A.jpg", ("55", "m", "back")),
        ("Bild;Alter;Geschlecht;Lokalisation\nA;55;w;back\n", "A.jpg", ("55", "w", "back")),
        ("imagen;edad;sexo;localización\nA;55;mujer;back\n", "A.jpg", ("55", "mujer", "back")),
        ("obraz;wiek;płeć;lokalizacja\nA;55;kobieta;back\n", "A.jpg", ("55", "kobieta", "back")),
        ("image_id,age\nA,1\nA,1\n", "A.jpg", ("1", "", "")),
        ("image_id,age\n2023.01.15_lesion,1\n", "2023.01.15_lesion.jpg", ("1", "", "")),
        ("image_id,age\nDr. Smith lesion,1\n", "Dr. Smith lesion.jpeg", ("1", "", "")),
        ("image_id,age\nvisit.1,1\nvisit.2,2\n", "visit.2.jpg", ("2", "", "")),
        ("image_id,age\nC:\\photos\\p1\\img.jpg,1\n", "photos/p1/img.jpg", ("1", "", "")),
        ("image_id,age\n/a/images/A.jpg,1\n/a/images/B.jpg,2\n", "images/A.jpg", ("1", "", "")),
        (f"image_id,age\n{unicodedata.normalize('NFD', 'Muttermal ä')},1\n", "Muttermal ä.jpg", ("1", "", "")),
        ("image_id,age\nMuttermal ä,1\n", unicodedata.normalize("NFD", "Muttermal ä.jpg"), ("1", "", "")),
        ("image_id,age\nx.png,1\nx.jpg,2\n", "x.jpg", ("2", "", "")),
        ("image_id,age\nimg,9\np1/img.jpg,1\np2/img.jpg,2\n", "data/p2/img.jpg", ("2", "", "")),
    ],
)  # fmt: skip
def test_the_row_is_found(tmp_path, table, picture, patient):
    assert matched(tmp_path, table, picture)[0] == [patient]


def test_dataverses_tabs_are_read_whatever_the_suffix(tmp_path):
    assert matched(tmp_path, "image_id\tage\nA\t55\n", "A.jpg", name="m.tab")[0] == [("55", "", "")]


def test_a_row_that_fits_several_pictures_is_used_for_none(tmp_path):
    pictures = ("patient1/img.jpg", "patient2/img.jpg")
    found, notes = matched(tmp_path, "image_id,age\nimg,80\n", *pictures)
    assert found == [None, None]
    assert notes == [
        "1 row fits several pictures, such as img (patient1/img.jpg and patient2/img.jpg): used for none; name the "
        "folders in the table too, as in patient1/img.jpg"
    ]
    found, notes = matched(tmp_path, "image_id,age\npatient1/img.jpg,80\npatient2/img.jpg,20\n", *pictures)
    assert found == [("80", "", ""), ("20", "", "")]
    assert notes == []
    found, notes = matched(tmp_path, "image_id,age\npatient1/img.jpg,80\n", *pictures)
    assert found == [("80", "", ""), None]  # not the other patient's too
    assert notes == [
        "1 picture lies in another folder than the row of that name, such as patient2/img.jpg (row patient1/img.jpg): "
        "looked at without age, sex and site; if they belong together, put that right in the table"
    ]


@pytest.mark.parametrize(
    ("row", "picture"),
    [
        ("patient1/img.jpg", "patient2/img.jpg"),
        ("patient1/img", "img.jpg"),
        ("patient1\\left\\img.jpg", "patient2/left/img.jpg"),
        ("D:\\patient1\\img.jpg", "patient2/img.jpg"),
    ],
)
def test_a_row_of_one_folder_is_not_given_to_the_lone_picture_of_another(tmp_path, row, picture):
    (found,), notes = matched(tmp_path, f"image_id,age\n{row},80\n", picture)
    assert found is None
    assert [note[:20] for note in notes] == ["1 picture lies in an", "1 row has no picture"]


def test_what_moved_with_all_its_folders_is_found_and_that_is_said(tmp_path):
    rows = "".join(f"C:\\p\\{i}\\left\\img.jpg,{i}\n" for i in range(3))
    found, notes = matched(tmp_path, f"image_id,age\n{rows}", "2/left/img.jpg", "3/left/img.jpg")
    assert found == [("2", "", ""), None]
    assert notes[0] == (
        "1 row was found by the end of the path alone, such as C:/p/2/left/img.jpg for 2/left/img.jpg: make sure that "
        "they belong together"
    )
    assert notes[1].startswith("1 picture lies in another folder")


def test_an_uploads_folder_is_not_known_and_that_is_said():
    patients = Patients([("patient1/img.jpg", ("80", "", ""))])
    found, (note,) = patients.match({0: ("img.jpg", "img.jpg")})
    assert found == {0: ("80", "", "")}
    assert note.startswith("1 row was found by the end of the path alone, such as patient1/img.jpg for img.jpg")
    assert patients.match({0: ("patient2/img.jpg",) * 2})[0] == {}
    patients = Patients([("patient1/img.jpg", ("80", "", "")), ("patient2/img.jpg", ("20", "", ""))])
    assert patients.match({0: ("img.jpg", "img.jpg")}) == (
        {},
        ["1 picture fits several rows, such as img.jpg: looked at without age, sex and site"],
    )


def test_a_picture_that_fits_several_rows_gets_none(tmp_path):
    found, (note,) = matched(tmp_path, "image_id,age\nimg.png,1\nimg.tif,2\n", "c/img.jpg")
    assert found == [None]
    assert note == "1 picture fits several rows, such as c/img.jpg: looked at without age, sex and site"


def test_what_lies_without_the_other_is_named(tmp_path):
    _, notes = matched(tmp_path, "image_id,age\nb,1\nc,2\nd,3\n", "a.jpg", "b.jpg")
    assert notes == [
        "1 picture has no row, such as a.jpg: looked at without age, sex and site",
        "2 rows have no picture, such as c: left out",
    ]
    _, notes = matched(tmp_path, "image_id,age\nb,1\nd,3\n", "a.dcm", "b.jpg", "c.jpg")
    assert notes == [
        "2 pictures have no row, such as a.dcm: looked at without age, sex and site, but for what a DICOM file says "
        "itself",
        "1 row has no picture, such as d: left out",
    ]


def test_columns_that_sound_like_ours_are_named_once(tmp_path):
    _, notes = matched(tmp_path, "image_id,sex,patient_age,body site\nA,m,3,back\n", "A.jpg")
    assert notes == [
        "column 'patient_age' is not used; call it age",
        "column 'body site' is not used; call it localization",
    ]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("image_id,age\nA,1\nA,2\n", "'A' stands twice, and differs"),
        ("name,age\nA,1\n", "no column named image_id .*; it has name, age"),
        ("image_id,age\nSmith, John,1\n", "row 2: more cells than titles; put quotes"),
        ("image_id,age\nLäsion,1\0\n".encode("latin-1"), "save it as UTF-8"),
        ("image_id,age\nA,1".encode("utf-16")[:-1], "save it as UTF-8"),
        (b"PK\3\4\x14\0\6\0", "an Excel file; save the sheet as CSV UTF-8"),
        (b"", "no title row"),
    ],
)
def test_what_is_no_table_is_one_line(tmp_path, table, message):
    with pytest.raises(MetadataTableError, match=rf"\Am\.csv[^\n]*{message}[^\n]*\Z"):
        matched(tmp_path, table)


def test_a_table_as_excel_saves_it_on_windows(tmp_path):
    table = "Bild;Alter;Lokalisation\r\nLäsion – 1;55;Rücken\r\n".encode("cp1252")
    (found,), notes = matched(tmp_path, table, "Läsion – 1.jpg")
    assert found == ("55", "", "Rücken")
    assert notes == ["the table is no UTF-8: read as Windows-1252; if names look wrong, save it as UTF-8"]


def test_a_table_that_is_not_there_is_not_said_to_be_of_the_wrong_kind(tmp_path):
    with pytest.raises(MetadataTableError, match="there is no such file"):
        read_patients(tmp_path / "nosuch.csv")


def test_many_rows_of_one_name_and_deep_paths_take_no_time():
    rows = [(f"p{i}/img.jpg", (i, "", "")) for i in range(20_000)] + [("/".join("x" * 50_000), (0, "", ""))]
    found, _ = Patients(rows).match({i: (f"p{i}/img.jpg", f"/data/p{i}/img.jpg") for i in range(20_000)})
    assert [found[i][0] for i in range(20_000)] == list(range(20_000))


# Values


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("85+", 85),
        ("50-55", 52.5),
        ("55 years", 55),
        ("055Y", 55),
        ("018M", 1.5),
        ("55,5", 55.5),
        (">85", 85),
        ("7y", 7),
    ],
)
def test_ages_in_words_are_understood_and_said(text, years):
    assert parse_age(text) == years
    assert age_note(text) == f"age {text!r} is taken as {years:g} years"
    assert age_note("55.0") is age_note(55) is age_note("") is None


@pytest.mark.parametrize(
    "value", [True, False, "true", "old", "1-2-3", "999 years", "1,055", "1970", "Mar-55", np.eye(2)]
)
def test_what_is_no_age_is_refused(value):
    with pytest.raises(MetadataError, match=r"^age: .*$"):
        parse_age(value)


@pytest.mark.parametrize(
    ("text", "site"),
    [("oral and genital", "genital"), ("palms or soles", "acral"), ("palms_soles", "acral"), ("head_neck", "unknown"),
     ("NOSE", "face"), ("lower_extremity", "lower extremity")],
)  # fmt: skip
def test_sites_with_and_or_or_an_underscore(text, site):
    assert parse_site(text) == site


def test_what_is_not_understood_costs_the_field():
    patient, wrong = understood("old", "male", "moon")
    assert patient == (None, "male", None)
    assert list(wrong) == ["age", "localization"]
    assert understood("50-55") == ((52.5, "unknown", "unknown"), {})
    assert understood("#N/A", "-", ".") == ((None, "unknown", "unknown"), {})
    assert [understood(None, sex)[0][1] for sex in ("Mujer", "M\u00e4nnlich", "kobieta")] == [
        "female",
        "male",
        "female",
    ]


# Data sets


def test_diagnoses_as_others_call_them(tmp_path):
    (tmp_path / "t.csv").write_text(
        "isic_id,diagnosis_1,diagnosis_2,diagnosis_3,sex\nA,Benign,Benign melanocytic proliferations,Nevus,male\n"
        'B,Malignant,Malignant melanocytic proliferations,"Melanoma, NOS",\nC,Benign,,Seborrheic keratosis,\n'
    )
    assert read_table(tmp_path / "t.csv")["dx"].tolist() == ["nv", "mel", "bkl"]
    (tmp_path / "t.csv").write_text("img_id,diagnostic,gender\nA.png,ACK,MALE\nB.png,SCC,FEMALE\nC.png,NEV,\n")
    table = read_table(tmp_path / "t.csv")
    assert table[["image_id", "dx", "sex"]].values.tolist() == [["A", "akiec", "male"], ["C", "nv", "unknown"]]
    (note,) = table.attrs["notes"]
    assert note == "t.csv: 1 row has a diagnosis that is none of the seven: left out, such as B (SCC)"
    (tmp_path / "t.csv").write_text(
        "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK\nA,0,0,0,1,0,0,0,0,0\nB,0,0,0,0,0,0,0,1,0\n"
    )
    assert read_table(tmp_path / "t.csv")["dx"].tolist() == ["akiec"]


def test_lesions_and_patients_from_the_tables_beside_the_ground_truth(tmp_path, lesion_path):
    truth, task = "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\nA,0,1,0,0,0,0,0\nB,1,0,0,0,0,0,0\n", "ISIC2018_Task3_Training"
    for name, text in (
        (f"{task}_GroundTruth.csv", truth),
        (f"{task}_LesionGroupings.csv", "image,lesion_id,diagnosis_confirm_type\nA,L1,histo\nB,L1,\n"),
        ("ISIC_Training_Metadata.csv", "image,age_approx,anatom_site_general,sex\nA,50,anterior torso,female\n"),
    ):
        (tmp_path / name).write_text(text)
    os.link(lesion_path, tmp_path / "A.jpg")
    table = load_ham10000(tmp_path)
    assert table["lesion_id"].tolist() == ["L1", "L1"]
    assert table.loc[0, ["dx", "dx_type", "age", "sex", "localization"]].tolist() == [
        "nv",
        "histo",
        50,
        "female",
        "trunk",
    ]


def test_values_that_are_not_understood_are_counted(tmp_path, lesion_path):
    (tmp_path / "metadata.csv").write_text("image_id,dx,age,localization\nA,nv,old,moon\nB,nv,30,back\n")
    os.link(lesion_path, tmp_path / "A.jpg")
    os.link(lesion_path, tmp_path / "B.jpg")
    table = load_ham10000(tmp_path)
    assert table["age"].isna().tolist() == [True, False]
    assert [line.split(",")[0] for line in gaps(table)] == [
        "metadata.csv: 1 cell is not understood and counts as unknown"
    ] * 2


def test_a_label_of_one_folder_is_not_given_to_the_picture_of_another(tmp_path, lesion_path):
    (tmp_path / "metadata.csv").write_text("image_id,dx\np1/A.jpg,mel\np1/B.jpg,nv\nC,nv\n")
    for place in ("p2/A.jpg", "p1/B.jpg", "p2/C.jpg"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        os.link(lesion_path, tmp_path / place)
    table = load_ham10000(tmp_path)
    assert [path and path.parent.name for path in table["path"]] == [None, "p1", "p2"]
    assert gaps(table)[0] == (
        f"1 picture lies in another folder than the row of that name, such as {tmp_path}/p2/A.jpg (row p1/A.jpg), and "
        "may be another one; if they belong together, put that right in the table"
    )
    (tmp_path / "metadata.csv").write_text("image_id,dx\np1/A.jpg,mel\n")
    with pytest.raises(DataError, match="1 picture lies in another folder"):
        load_ham10000(tmp_path)


def test_masks_are_no_pictures_and_two_pictures_of_an_id_are_named(tmp_path, lesion_path):
    for place in ("images/A.jpg", "annotations/A.png", "HAM_segmentations/A.png", "A_segmentation.png", "copy/B.jpg"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        os.link(lesion_path, tmp_path / place)
    assert find_images([tmp_path]) == {"A": tmp_path / "images/A.jpg", "B": tmp_path / "copy/B.jpg"}
    os.link(lesion_path, tmp_path / "images" / "B.png")
    with pytest.raises(DataError, match=r"copy/B\.jpg and .*images/B\.png are both the picture B; keep one"):
        find_images([tmp_path])
    assert find_images([tmp_path], needed={"A"})["A"] == tmp_path / "images/A.jpg"
    assert find_images([tmp_path / "copy", tmp_path / "images"])["B"] == tmp_path / "copy/B.jpg"


# Folders


def test_what_systems_leave_is_left_out_and_links_are_followed(tmp_path, lesion_path):
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere"
    for place in ("folder/a.jpg", "folder/._a.jpg", "folder/~$a.jpg", "folder/.ipynb_checkpoints/a.jpg",
                  "folder/@eaDir/a.jpg", "elsewhere/b.jpg"):  # fmt: skip
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        os.link(lesion_path, tmp_path / place)
    (folder / "link").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(folder)
    assert [os.path.relpath(file, folder) for file in files_below(folder)] == ["a.jpg", "link/b.jpg"]
    assert [name for name, _ in find_pictures([folder])] == ["a.jpg", "link/b.jpg"]


def test_two_inputs_of_one_name_are_told_apart(tmp_path, lesion_path):
    for place in ("patient1/img.jpg", "patient2/img.jpg", "patient2/other.jpg"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        os.link(lesion_path, tmp_path / place)
    names = [name for name, _ in find_pictures([tmp_path / "patient1", tmp_path / "patient2"])]
    assert names == [f"{tmp_path}/patient1/img.jpg", f"{tmp_path}/patient2/img.jpg", "other.jpg"]
