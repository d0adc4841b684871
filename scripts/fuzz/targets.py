"""What `scripts/fuzz` throws at the code: one class a target; a seed makes an input."""

import io
import json
import math
import random
import re
import struct
import zipfile
import zlib
from pathlib import Path

import torch

import hfskin
from hfskin.checkpoints.hub import HubError
from hfskin.data.ham10000 import DataError, read_table
from hfskin.data.patients import read_patients
from hfskin.data.tables import MetadataTableError
from hfskin.demo.uploads import Upload
from hfskin.model.image_reading import ImageError, read_image
from hfskin.model.metadata import MetadataError, encode_metadata, missing_fields
from tests.hostile_files import PICTURES, UPLOADS, zip_of

from .seeds import DATA, LESIONS, picture_seeds

NUMBERS = (0, 1, 2, 3, 7, 8, 16, 31, 32, 127, 128, 255, 256, 1000, 0x7FFF, 0x8000, 0xFFFF, 10**6, 2**31 - 1, 2**32 - 1)
PIECES = (1, 2, 3, 10, 50, 400)
VALUES = (
    None, True, False, -1, 0, 1, 7, 0.5, 1e-320, 1e308, -1e308, math.nan, math.inf, 10**9, 10**30, 10**400, "", "x",
    "nan", "../../etc/passwd", "http://127.0.0.1/", "\0", "\ud800", "9" * 5000, "x" * 10**5, [], [1], [10**6, 10**6],
    [0, 0], [-1, 5], [math.nan] * 3, ["a", "b"], {}, {"a": 1}, {"height": 10**6, "width": 10**6},
    {"height": 0, "width": 0}, {"height": -3, "width": "x"}, {"shortest_edge": 100}, [[[]]],
)  # fmt: skip


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


class Checkpoint:
    """One file of a checkpoint folder -> a pipeline that answers."""

    documented = (HubError, ValueError)
    file: str
    keys: tuple[str, ...] = ()

    def __init__(self, folder: Path):
        torch.manual_seed(0)
        config = hfskin.HfskinConfig(
            backbone="mobilenet_v3_small", image_size=(96, 128), pooling="avg", metadata_hidden=16, gate=True,
            gate_threshold=-1e9, malignant_threshold=0.3, conformal_threshold=0.1,
        )  # fmt: skip
        self.folder = folder / "checkpoint"
        hfskin.HfskinForImageClassification(config).save_pretrained(self.folder)
        hfskin.HfskinImageProcessor(size={"height": 96, "width": 128}).save_pretrained(self.folder)
        self.good = (self.folder / self.file).read_bytes()
        self.before = set(self.folder.iterdir())

    def make(self, rng: random.Random) -> bytes:
        if rng.random() < 0.2:
            return mutate(rng, self.good, self.good)
        values = json.loads(self.good)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            key = rng.choice([*values, *self.keys])
            if rng.random() < 0.15:
                values.pop(key, None)
            else:
                values[key] = rng.choice([*VALUES, *values.values()])
        return json.dumps(values).encode()

    def run(self, data: bytes) -> None:
        """A checkpoint that loads answers with probabilities."""
        (self.folder / self.file).write_bytes(data)
        prediction = hfskin.load(self.folder)(LESIONS[0], age=50, sex="male", localization="back")
        assert math.isclose(sum(prediction.probabilities.values()), 1, abs_tol=1e-6)
        assert set(self.folder.iterdir()) == self.before


class Config(Checkpoint):
    """config.json -> a pipeline that answers."""

    file = "config.json"
    keys = (
        "quantization_config", "auto_map", "architectures", "_name_or_path", "transformers_weights", "dtype",
        "torch_dtype", "num_labels", "id2label", "label2id", "problem_type", "attn_implementation", "torchscript",
        "tie_word_embeddings", "sub_configs", "adapter_config", "is_composition", "chunk_size_feed_forward",
    )  # fmt: skip


class Processor(Checkpoint):
    """preprocessor_config.json -> a pipeline that answers."""

    file = "preprocessor_config.json"
    keys = (
        "crop_size",
        "do_pad",
        "pad_size",
        "data_format",
        "input_data_format",
        "device",
        "disable_grouping",
        "auto_map",
    )


class Weights(Checkpoint):
    """model.safetensors -> a pipeline that answers."""

    file = "model.safetensors"

    def make(self, rng: random.Random) -> bytes:
        (size,) = struct.unpack_from("<Q", self.good)
        header, body = self.good[8 : 8 + size], self.good[8 + size :]
        kind = rng.randrange(5)
        if kind == 0:
            return mutate(rng, self.good[: 8 + size + 1000], self.good[:100])
        if kind == 1:
            return self.good[: rng.randrange(len(self.good))]
        if kind == 2:
            return struct.pack("<Q", rng.choice((*NUMBERS, 2**40, 2**63, 2**64 - 1, size + 1))) + header + body
        tensors = json.loads(header)
        for _ in range(rng.choice((1, 1, 2, 5))):
            name = rng.choice([key for key in tensors if key != "__metadata__"])
            what = rng.randrange(6)
            if what == 0:
                del tensors[name]
            elif what == 1:
                tensors[name]["shape"] = rng.choice(([], [1], [10**6, 10**6], [2**62], [-1], "x", [7, 1168]))
            elif what == 2:
                tensors[name]["dtype"] = rng.choice(("F16", "F64", "BOOL", "I64", "U8", "F8_E4M3", "BF16", "X", 3))
            elif what == 3:
                tensors[name]["data_offsets"] = rng.choice(([0, 0], [0, 2**62], [-1, 4], [5, 1], [], "x"))
            elif what == 4:
                tensors[name + rng.choice(("x", "\0", "/../x"))] = tensors.pop(name)
            else:  # the bytes of a weight: NaN, infinity, or noise
                start, end = tensors[name]["data_offsets"][:2] if len(tensors[name]["data_offsets"]) == 2 else (0, 0)
                if isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(body):
                    noise = rng.choice((b"\0\0\xc0\x7f", b"\0\0\x80\x7f", rng.randbytes(4)))
                    body = body[:start] + noise * ((end - start) // 4) + body[start + (end - start) // 4 * 4 :]
        header = json.dumps(tensors).encode()
        return struct.pack("<Q", len(header)) + header + body


TARGETS = {
    "metadata": Metadata, "picture": Picture, "zip": Zip, "table": Table, "patients": Patients, "config": Config,
    "processor": Processor, "weights": Weights,
}  # fmt: skip


def mutate(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """A few small hurts: bits, bytes, numbers, cuts, repetitions, a piece of another input."""
    out = bytearray(data)
    early = rng.random() < 0.5  # headers tell decoders what to do
    for _ in range(rng.choice((1, 1, 2, 3, 5, 12))):
        at = rng.randrange(min(len(out), 400) if early and out else len(out) + 1)
        length = rng.choice((1, 2, 4, 16, 100, 1000))
        match rng.randrange(9):
            case 0:
                out[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                out[at : at + 1] = bytes([(out[at] if at < len(out) else 0) ^ (1 << rng.randrange(8))])
            case 2:
                out[at : at + 2] = struct.pack(rng.choice("<>") + "H", rng.choice(NUMBERS) & 0xFFFF)
            case 3 | 4:
                out[at : at + 4] = struct.pack(rng.choice("<>") + "L", rng.choice(NUMBERS))
            case 5:
                del out[at : at + length]
            case 6:
                out[at:at] = out[at : at + length] * rng.choice((1, 1, 2, 50))
            case 7:
                start = rng.randrange(len(other) + 1)
                out[at:at] = other[start : start + length]
            case 8:
                if rng.random() < 0.3:
                    del out[at:]
    return bytes(out)


def repair_png(data: bytes) -> bytes:
    """The same PNG with true checksums, so that what was hurt is looked at."""
    out, at = bytearray(data[:8]), 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        chunk = data[at + 4 : at + 8 + length]
        out += data[at : at + 4] + chunk + struct.pack(">L", zlib.crc32(chunk))
        at += 12 + length
    return bytes(out)


def plain(error: BaseException) -> bool:
    """Is the message one that a person can read: one line, not endless?"""
    message = str(error)
    return 0 < len(message) < 700 and not re.search(r"[\n\r]", message)
