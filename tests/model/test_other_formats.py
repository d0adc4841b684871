"""HEIC and DICOM: read where their libraries are, else what helps is said."""

import io
import os
import struct
import sys

import numpy as np
import pytest
from PIL import Image

from hfskin.data.patients import Patients
from hfskin.demo.uploads import Upload
from hfskin.inference.batch.items import find_pictures
from hfskin.inference.prepare import prepare
from hfskin.model.colours import matrix_profile
from hfskin.model.image_reading import ImageError, read_image
from hfskin.model.labels import SITES
from hfskin.model.preprocessing import Preprocessing

pillow_heif, pydicom = pytest.importorskip("pillow_heif"), pytest.importorskip("pydicom")
from dicom_files import INFLATED, JPEG, JPEG_2000, JPEG_LS, PLAIN, dicom, jpeg  # noqa: E402
from pydicom.encaps import encapsulate  # noqa: E402

P3 = matrix_profile((0.3127, 0.3290, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06), 2.2)


@pytest.fixture
def lesion(lesion_path):
    return Image.open(lesion_path).convert("RGB")


def heic(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=95, **options)
    return buffer.getvalue()


def difference(read, image: Image.Image) -> float:
    return float(np.abs(np.asarray(read.image).astype(int) - np.asarray(image)).mean())


def test_a_phones_heic_is_read_with_its_profile_and_turned_once(lesion):
    assert difference(read_image(heic(lesion)), lesion) < 2
    exif = Image.Exif()
    exif[0x0112] = 6  # for libheif, which stores it as phones do
    turned = heic(lesion, exif=exif.tobytes())
    assert b"irot" in turned
    assert difference(read_image(turned), lesion.transpose(Image.Transpose.ROTATE_270)) < 2
    pale = lesion.copy()
    pale.info["icc_profile"] = P3
    assert difference(read_image(heic(pale)), lesion) > 2
    with pytest.raises(ImageError, match=r"^a.heic: damaged or cut off"):
        read_image(heic(lesion)[:2000], "a.heic")


def test_dermatoscopy_in_dicom_is_read_with_age_and_sex(lesion):
    for syntax, most in ((JPEG, 2), (PLAIN, 0)):
        read = read_image(dicom(lesion, syntax))
        assert difference(read, lesion) <= most
        assert read.patient == (55, "male", None)
        assert read.warnings == []
    assert read_image(dicom(lesion, PatientAge="018M", PatientSex="O")).patient == (1.5, None, None)
    assert read_image(dicom(lesion, PatientAge="", PatientSex="")).patient == (None, None, None)


def test_the_site_of_dicom_is_one_of_ours_or_unknown(lesion):
    def region(value, scheme):
        code = pydicom.Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, "somewhere"
        return pydicom.Sequence([code])

    for elements, site in (
        ({"BodyPartExamined": "TRUNK"}, "trunk"),
        ({"BodyPartExamined": "HEAD"}, None),  # a face, a scalp or an ear
        ({"BodyPartExamined": "SKIN"}, None),
        ({"AnatomicRegionSequence": region("113182001", "SCT")}, "back"),
        ({"AnatomicRegionSequence": region("T-02480", "SRT")}, "abdomen"),  # skin of abdomen, before 2018
        ({"AnatomicRegionSequence": region("16982005", "SCT")}, None),  # a shoulder
        ({"AnatomicRegionSequence": region("73897004", "SCT"), "BodyPartExamined": "HEAD"}, "face"),
        ({"AnatomicRegionSequence": region("73897004", "LOCAL")}, None),
    ):
        assert read_image(dicom(lesion, **elements)).patient[2] == site
        assert site in (None, *SITES)


def test_dicom_is_read_as_it_is_packed(lesion):
    whole, apart = jpeg_2000(lesion, mct=1), jpeg_2000(Image.merge("RGB", lesion.convert("YCbCr").split()), mct=0)
    deep = (np.asarray(lesion).astype(np.uint16) * 16).tobytes()
    for syntax, colours, elements, most in (
        (JPEG_2000, "YBR_RCT", {"PixelData": encapsulate([whole])}, 0),
        (JPEG_2000, "RGB", {"PixelData": encapsulate([whole])}, 0),
        (JPEG_2000, "YBR_FULL", {"PixelData": encapsulate([apart])}, 2),
        (JPEG, "RGB", {"PixelData": encapsulate([jpeg_of_rgb(lesion)])}, 2),
        (JPEG, "RGB", {}, 2),  # which is not true, and its JPEG knows better
        (PLAIN, "YBR_FULL", {"PixelData": np.asarray(lesion.convert("YCbCr")).tobytes()}, 2),
        (PLAIN, "RGB", {"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11, "PixelData": deep}, 1),
        (PLAIN, "PALETTE COLOR", {"SamplesPerPixel": 1, **table_of_colours(lesion)}, 4),
    ):
        data = dicom(lesion, syntax, PhotometricInterpretation=colours, **elements)
        assert difference(read_image(data), lesion) <= most


def jpeg_2000(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG2000", no_jp2=True, **options)
    return buffer.getvalue()


def jpeg_of_rgb(image: Image.Image) -> bytes:
    """A JPEG that holds red, green and blue, and does not say so."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", keep_rgb=True, quality=98, subsampling=0)
    data = buffer.getvalue()
    assert data[2:4] == b"\xff\xee"
    data = data[:2] + data[18:]
    return data.replace(b"R\x11\0G\x11\0B\x11\0", b"\0\x11\0\1\x11\0\2\x11\0").replace(b"R\0G\0B\0", b"\0\0\1\0\2\0")


def table_of_colours(image: Image.Image) -> dict:
    """The elements of a DICOM file whose pixels are places in a table."""
    places = image.quantize(256)
    colours = np.array(places.getpalette(), dtype=np.uint16).reshape(-1, 3) * 257
    elements = {"PixelData": np.asarray(places).tobytes()}
    for name, values in zip(("Red", "Green", "Blue"), colours.T, strict=True):
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        elements[f"{name}PaletteColorLookupTableData"] = values.tobytes()
    return elements


def test_the_patient_of_a_file_counts_where_another_is_not_given(lesion):
    preprocessing = Preprocessing(96, 128, 2, 1 / 255, (0.5,) * 3, (0.5,) * 3)
    unknown = (None, None, None)
    assert prepare(dicom(lesion), unknown, preprocessing).patient == (55, "male", None)
    assert prepare(dicom(lesion), (30, "unknown", "back"), preprocessing).patient == (30, "male", "back")
    assert prepare(dicom(lesion), (30, "female", None), preprocessing).patient == (30, "female", None)
    assert prepare(jpeg(lesion), unknown, preprocessing).patient == unknown
    nobody_asked = dicom(lesion, PatientAge="999Y")
    assert prepare(nobody_asked, unknown, preprocessing).patient == (None, "male", None)


def test_grey_levels_of_dicom(lesion):
    grey = lesion.convert("L")
    deep = (np.asarray(grey).astype(np.uint16) * 16).tobytes()
    one = {"SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2"}
    twelve = {**one, "BitsAllocated": 16, "BitsStored": 12, "HighBit": 11, "PixelData": deep}
    for elements in (one, twelve, {**one, "PhotometricInterpretation": "MONOCHROME1"}):
        read = read_image(dicom(grey, PLAIN, **elements))
        inverted = elements["PhotometricInterpretation"] == "MONOCHROME1"
        expected = Image.fromarray(255 - np.asarray(grey)) if inverted else grey
        assert difference(read, expected.convert("RGB")) < 2


def test_what_is_no_photograph_is_refused_in_one_line(lesion):
    small = struct.pack("<HH2sH", 0x0011, 0x1001, b"LO", 0)
    whole = dicom(lesion, PLAIN)
    pixels = whole.index(b"\xe0\x7f\x10\x00")
    for data, why in (
        (dicom(lesion, Modality="CT"), "a DICOM file of modality 'CT', no photograph"),
        (dicom(lesion, NumberOfFrames=2), "a DICOM file of several pictures"),
        (dicom(lesion, JPEG_LS), "a DICOM file packed as JPEG-LS"),
        (dicom(lesion, JPEG_2000, PixelData=encapsulate([jpeg_2000(lesion)[:500]])), "damaged or cut off"),
        (dicom(lesion, INFLATED), "a DICOM file that is packed as a whole"),
        (dicom(lesion, PLAIN, Rows=60_000, Columns=60_000), "60000x60000 is more than 110 megapixels"),
        (bytes(128) + b"DICM" + b"x" * 100, "a DICOM file without a picture in it"),
        (whole[:pixels] + small * 10**6 + whole[pixels:], "a DICOM file without a picture in it"),
        (whole[:-1000], "damaged or cut off"),
        (dicom(lesion, PixelData=encapsulate([jpeg(lesion)[:500]])), "damaged or cut off"),
    ):
        with pytest.raises(ImageError, match=f"^a.dcm: {why}"):
            read_image(data, "a.dcm")
    assert read_image(whole + small * 10**6).patient == (55, "male", None), "what stands behind is not looked at"


def test_a_dicom_file_needs_no_suffix(lesion, tmp_path):
    for name in ("IM000001", "1.2.840.10008.5"):
        (tmp_path / name).write_bytes(dicom(lesion))
    (tmp_path / "README").write_text("no picture")
    (tmp_path / "notes.1").touch()
    os.mkfifo(tmp_path / "pipe")
    found = find_pictures([tmp_path])
    assert [name for name, _ in found] == ["1.2.840.10008.5", "IM000001"]
    patients = Patients([("IM000001", (60, "f", "back"))])
    whole = {path: (name, path) for name, path in found}  # as `hfskin predict` asks
    assert patients.match(whole)[0] == {str(tmp_path / "IM000001"): (60, "f", "back")}
    upload = Upload([tmp_path / "IM000001", tmp_path / "1.2.840.10008.5", tmp_path / "x.txt"], patients)
    assert [item.patient for item in upload.items()] == [(60, "f", "back"), (None, None, None)]
    assert [row.name for row in upload.refused] == ["x.txt"]


def test_without_the_libraries_the_message_helps(lesion, monkeypatch):
    for name in ("pillow_heif", "pydicom", "pydicom.filereader"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImageError, match=r"^a: a HEIC picture of a phone; save it as a JPEG, .*Most Compatible"):
        read_image(bytes(4) + b"ftypheic" + bytes(100), "a")
    with pytest.raises(ImageError, match=r"^a: a DICOM file; save .*or install pydicom"):
        read_image(bytes(128) + b"DICM" + bytes(100), "a")
