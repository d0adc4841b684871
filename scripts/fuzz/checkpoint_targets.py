"""What `scripts/fuzz` throws at the loader: one class a file of a checkpoint folder."""

import json
import math
import random
import struct
from pathlib import Path

import torch

import hfskin
from hfskin.checkpoints.hub import HubError
from hfskin.checkpoints.layout import CONFIG_FILE, PROCESSOR_FILE, WEIGHTS_FILE

from .hurts import NUMBERS, VALUES, mutate
from .seeds import LESIONS


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
        """A checkpoint that loads answers with probabilities, or refuses with those that stand under `raw`."""
        (self.folder / self.file).write_bytes(data)
        prediction = hfskin.load(self.folder)(LESIONS[0], age=50, sex="male", localization="back")
        assert math.isclose(sum(prediction.scores.values()), 1, abs_tol=1e-6)
        assert set(self.folder.iterdir()) == self.before


class Config(Checkpoint):
    """config.json -> a pipeline that answers."""

    file = CONFIG_FILE
    keys = (
        "quantization_config", "auto_map", "architectures", "_name_or_path", "transformers_weights", "dtype",
        "torch_dtype", "num_labels", "id2label", "label2id", "problem_type", "attn_implementation", "torchscript",
        "tie_word_embeddings", "sub_configs", "adapter_config", "is_composition", "chunk_size_feed_forward",
    )  # fmt: skip


class Processor(Checkpoint):
    """preprocessor_config.json -> a pipeline that answers."""

    file = PROCESSOR_FILE
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

    file = WEIGHTS_FILE

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
