"""What `scripts/fuzz` throws at the code: one class a target; a seed makes an input."""

import io
import random
import re
import zipfile
from pathlib import Path

import torch

import hfskin
from hfskin.data.ham10000 import DataError, read_table
from hfskin.data.patients import read_patients
from hfskin.data.tables import MetadataTableError
from hfskin.demo.uploads import Upload
from hfskin.model.image_reading import ImageError, read_image
from hfskin.model.metadata import MetadataError, encode_metadata, missing_fields
from tests.hostile_files import PICTURES, UPLOADS, zip_of

from .checkpoint_targets import Config, Processor, Weights
from .hurts import VALUES, mutate, repair_png
from .seeds import DATA, LESIONS, picture_seeds

PIECES = (1, 2, 3, 10, 50, 400)


class Metadata:
    """Values of age, sex and site -> the vector."""

    documented = (MetadataError,)

    def __init__(self, folder: Path):
        words = ["male", "M", "f", "back", "lower_extremity", "UNKNOWN", "12", "-3", "1e2", "\uff11\uff12", "12 years"]
        self.values = [*VALUES, *words, 10**5000, b"12", b"\xff", 1 + 2j, object(), float, (), range(3), torch.zeros(2)]

    def make(self, rng: random.Random):
        def value():
            text = "".join(chr(rng.randrange(0x2FF)) for _ in range(rng.randrange(12)))
            return rng.choice([*self.values, rng.uniform(-10, 130), rng.getrandbits(64), text])

        return value(), value(), value()

    def run(self, values) -> None:
        """The vector is finite whatever comes in, or the message says why there is none."""
        vector = encode_metadata(*values)
        assert vector.shape == (19,)
        assert abs(vector).max() < 10
        assert len(missing_fields(*values)) <= 3


class Picture:
    """Bytes of a picture -> what the model sees."""

    documented = (ImageError,)

    def __init__(self, folder: Path):
        self.seeds = picture_seeds()
        self.processor = hfskin.HfskinImageProcessor(size={"height": 96, "width": 128})

    def make(self, rng: random.Random) -> bytes:
        if rng.random() < 0.1:
            make, _ = PICTURES[rng.choice(list(PICTURES))]
            data = make(rng.choice(PIECES))
            return mutate(rng, data, data[:1000]) if rng.random() < 0.5 else data
        kind = rng.choice(list(self.seeds))  # not by their number: TIFF has many
        data = mutate(rng, rng.choice(self.seeds[kind]), rng.choice(self.seeds[kind]))
        return repair_png(data) if kind == "PNG" and rng.random() < 0.8 else data

    def run(self, data: bytes) -> None:
        """An RGB picture of a sensible size, that the processor takes."""
        image = read_image(data).image
        assert image.mode == "RGB"
        assert min(image.size) >= 32
        assert self.processor(image)["pixel_values"][0].shape == (3, 96, 128)


class Zip:
    """A zip file on the Batch tab -> its pictures."""

    documented = ()

    def __init__(self, folder: Path):
        self.path = folder / "upload.zip"
        lesion = LESIONS[0].read_bytes()
        self.seeds = []
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w", method) as archive:
                for name in ("a.jpg", "b/\u00e9.png", "../c.jpg", "d.txt", "b/"):
                    archive.writestr(name, lesion[:2000] if name != "b/" else b"")
            self.seeds.append(buffer.getvalue())
        for write, pieces in UPLOADS.values():
            write(self.path, min(pieces, 3))
            if zipfile.is_zipfile(self.path):
                self.seeds.append(self.path.read_bytes())
        link = zipfile.ZipInfo("link.jpg")
        link.external_attr = 0o120777 << 16
        self.seeds.append(zip_of(self.path, (link, b"/etc/passwd"), ("inner.zip", self.seeds[0])).read_bytes())

    def make(self, rng: random.Random) -> bytes:
        return mutate(rng, rng.choice(self.seeds), rng.choice(self.seeds))

    def run(self, data: bytes) -> None:
        """Every member is an item or a refused row."""
        self.path.write_bytes(data)
        upload = Upload([self.path], None)
        for item in upload.items():
            assert isinstance(item.image, bytes)
        assert all(row.error for row in upload.refused)


class Table:
    """A data set's table -> checked rows, for training."""

    documented = (DataError,)
    words = (
        "image_id", "lesion_id", "dx", "age", "sex", "localization", "image", "MEL", "nv", "mel", "1.0", "\ufeff", ",",
        '"', "\n", "\r", "\0", "\t", ";", ",,", '"""', "nan", "1e400", "9" * 400,
    )  # fmt: skip
    read = staticmethod(read_table)

    def __init__(self, folder: Path):
        self.path = folder / "metadata.csv"
        rows = (DATA / "HAM10000_metadata.csv").read_bytes().splitlines(keepends=True)
        truth = b"image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\nISIC_1,1.0,0.0,0.0,0.0,0.0,0.0,0.0\nISIC_2,0,1,0,0,0,0,0\n"
        self.seeds = [b"".join(rows), b"".join(rows[:4]), truth, b"image_id,dx\na,nv\nb,mel\n"]

    def make(self, rng: random.Random) -> bytes:
        data = mutate(rng, rng.choice(self.seeds), rng.choice(self.seeds))
        for _ in range(rng.randrange(3)):
            at = rng.randrange(len(data) + 1)
            data = data[:at] + rng.choice(self.words).encode() + data[at:]
        return data

    def run(self, data: bytes) -> None:
        """No row is made up."""
        self.path.write_bytes(data)
        rows = self.read(self.path)
        assert len(rows) <= 1 + max(data.count(b"\n") + data.count(b"\r"), 1)


class Patients(Table):
    """A prediction's metadata CSV -> age, sex and site by image, and their vectors."""

    documented = (MetadataTableError, MetadataError)
    read = staticmethod(read_patients)

    def run(self, data: bytes) -> None:
        """Each patient's values are encoded or refused, too."""
        super().run(data)
        for _, patient in read_patients(self.path).named:
            encode_metadata(*patient)


TARGETS = {
    "metadata": Metadata, "picture": Picture, "zip": Zip, "table": Table, "patients": Patients, "config": Config,
    "processor": Processor, "weights": Weights,
}  # fmt: skip


def plain(error: BaseException) -> bool:
    """Is the message one that a person can read: one line, not endless?"""
    message = str(error)
    return 0 < len(message) < 700 and not re.search(r"[\n\r]", message)
