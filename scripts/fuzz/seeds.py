"""Small lesions in every kind of file, which `hurts.py` then hurts."""

import io
from pathlib import Path

from PIL import Image

from hfskin.model.colours import matrix_profile

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
LESIONS = sorted((DATA / "images").glob("*.jpg"))[:6]


def picture_seeds() -> dict[str, list[bytes]]:
    """Small lesions in every format, mode and compression that Pillow writes."""
    lesion, second = (Image.open(path).convert("RGB").resize((48, 40)) for path in LESIONS[:2])
    clear, exif = lesion.copy(), Image.Exif()
    clear.putalpha(second.convert("L"))
    exif[0x0112], exif[0x010F], exif[0x8769] = 6, "Camera" * 20, {0x9003: "2020:01:01 00:00:00"}
    moving = {"save_all": True, "append_images": [second]}
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="3"/>'
    icc = {"icc_profile": b"\0" * 200, "exif": exif}
    wide = lesion.convert("I").point(lambda level: level * 257)
    seeds: dict[str, list[bytes]] = {}

    def add(kind: str, image: Image.Image, **options) -> None:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        seeds.setdefault(kind if kind != "MPO" else "JPEG", []).append(buffer.getvalue())

    for options in ({}, {"progressive": True}, {"subsampling": 0}, icc, {"xmp": xmp, "comment": b"words"}):
        add("JPEG", lesion, **options)
    add("MPO", lesion, **moving)
    for mode in ("L", "CMYK"):
        add("JPEG", lesion.convert(mode))
    for image in (lesion, clear, wide.convert("I;16"), *(lesion.convert(mode) for mode in ("L", "LA", "P", "1"))):
        add("PNG", image)
    add("PNG", lesion, **icc)
    add("PNG", lesion, **moving)
    add("PNG", lesion.convert("P"), transparency=0)
    for options in ({}, moving, {"transparency": 1, "comment": b"words"}):
        add("GIF", lesion.convert("P"), **options)
    for mode in ("RGB", "L", "1", "P", "CMYK", "RGBA", "LAB", "YCbCr", "I", "F", "I;16"):
        image = clear if mode == "RGBA" else wide.convert(mode) if mode[0] in "IF" else lesion.convert("RGB")
        image = lab(lesion) if mode == "LAB" else image if mode[0] in "RIF" else lesion.convert(mode)
        add("TIFF", image)
        add("TIFF", image, compression="group4" if mode == "1" else "tiff_lzw")
    for compression in ("tiff_adobe_deflate", "jpeg", "packbits", "zstd", "lzma"):
        add("TIFF", lesion, compression=compression, tiffinfo={274: 6, 278: 8})
    add("TIFF", lesion.copy(), save_all=True, append_images=[second.copy()])  # saving left a JPEG's options in them
    for mode in ("RGB", "L", "1", "P"):
        add("BMP", lesion.convert(mode))
    for options in ({}, {"lossless": True}, {"exif": exif, "xmp": xmp}, moving):
        add("WEBP", lesion, **options)
        add("WEBP", clear, **options)
    profile = {"icc_profile": matrix_profile((0.3127, 0.3290, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06), 2.2)}
    for kind in ("JPEG", "PNG", "TIFF", "WEBP"):
        add(kind, lesion, **profile)
    add("PNG", lesion.convert("L"), **profile)
    seeds |= {"HEIC": [heic(lesion)], "DICOM": [dicom(lesion, packed) for packed in (False, True)]}
    return seeds


def heic(image: Image.Image) -> bytes:
    """As of a phone."""
    import pillow_heif

    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer)
    return buffer.getvalue()


def dicom(image: Image.Image, packed: bool) -> bytes:
    """As of a dermatoscope."""
    import pydicom
    from pydicom.encaps import encapsulate

    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.50" if packed else "1.2.840.10008.1.2.1"
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.77.1.4", "1.2.3"
    file = pydicom.dataset.FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    file.Columns, file.Rows, file.SamplesPerPixel, file.PlanarConfiguration = *image.size, 3, 0
    file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 8, 8, 7, 0
    file.PhotometricInterpretation = "YBR_FULL_422" if packed else "RGB"
    file.Modality, file.PatientAge, file.PatientSex = "DMS", "055Y", "M"
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    file.PixelData = encapsulate([buffer.getvalue()]) if packed else image.tobytes()
    whole = io.BytesIO()
    pydicom.dcmwrite(whole, file, enforce_file_format=True)
    return whole.getvalue()


def lab(image: Image.Image) -> Image.Image:
    """The picture in the L*a*b* colour space."""
    from PIL import ImageCms

    there = ImageCms.createProfile("LAB")
    return ImageCms.profileToProfile(image, ImageCms.createProfile("sRGB"), there, outputMode="LAB")
