"""What lies in a checkpoint folder: the name of every file, and digests of what they hold."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

# What travels with the package, by the name that `hfskin.load` takes.
EMBEDDED = {name: Path(__file__).parent / name for name in ("default", "large")}
EMBEDDED_CHECKPOINT = EMBEDDED["default"]

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
PROCESSOR_FILE = "preprocessor_config.json"
# All that an answer needs. Code and pickles stay where they are.
CHECKPOINT_FILES = {
    CONFIG_FILE: ", so it is not a checkpoint of hfskin; check the name",
    WEIGHTS_FILE: "; hfskin reads no other weights, since a pickled file can run code",
    PROCESSOR_FILE: ", and without it every answer would be wrong; save the processor too",
}
SHARDS_FILE = "model.safetensors.index.json"  # of transformers, where the weights are several files
ONNX_FILE = "model.onnx"  # the graph of `hfskin export`; its weights are those of WEIGHTS_FILE
INT8_FILE = "model.int8.onnx"
METRICS_FILE = "metrics.json"
SPLIT_FILE = "split.csv"
TRAINING_FILE = "training.json"  # written when a session of training ends
FINGERPRINT_FILE = "run.json"  # written before the first step, so that a run that is killed has it too

# Said of a checkpoint from before the gate asked what a lesion looks like.
OLD_GATE_UNUSED = (
    "its gate is of a kind that is no more, so every picture gets an answer; `hfskin calibrate` fits a new one"
)
MAX_SETTINGS = 10**6  # bytes
# Of config.json and preprocessor_config.json: says nothing about the answers, and changes when a checkpoint is pushed.
BOOKKEEPING = ("architectures", "auto_map", "dtype", "transformers_version")


def folder_name(folder: str | Path) -> str:
    """What a folder is called; "." too, by which it is called in it."""
    return Path(os.path.abspath(folder)).name


def read_settings(path: Path) -> dict[str, Any]:
    """The object that a small JSON file holds, whoever wrote it.

    Raises:
        OSError: it cannot be read.
        ValueError: too large, not JSON, or something else than an object.
    """
    if path.stat().st_size > MAX_SETTINGS:
        raise ValueError(f"its {path.name} is larger than {MAX_SETTINGS // 10**6} MB; copy it again")
    try:
        values = json.loads(path.read_bytes())
    except RecursionError:
        raise ValueError(f"its {path.name} is nested too deeply; copy it again") from None
    if not isinstance(values, dict):
        raise ValueError(f"its {path.name} holds no settings; copy it again")
    return values


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of the two things that decide a checkpoint's answers: "weights", and "calibration", which is all of its
    configuration and preprocessing.

    Raises:
        OSError, ValueError: as [`fingerprint`].
    """
    calibration = hashlib.sha256("\n".join(_settings(folder)).encode()).hexdigest()
    return {"weights": file_digest(folder / WEIGHTS_FILE), "calibration": calibration}


def fingerprint(folder: Path) -> str:
    """One SHA-256 of both, as an ONNX file carries it.

    Raises:
        OSError, ValueError: a file is missing, or see [`read_settings`].
    """
    return hashlib.sha256("\n".join([file_digest(folder / WEIGHTS_FILE), *_settings(folder)]).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _settings(folder: Path) -> list[str]:
    texts = []
    for name in (CONFIG_FILE, PROCESSOR_FILE):
        facts = read_settings(folder / name)
        texts.append(json.dumps({k: v for k, v in facts.items() if k not in BOOKKEEPING}, sort_keys=True))
    return texts
