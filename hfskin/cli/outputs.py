"""Where a command writes: looked at before any work, never an input, and one writer at a time."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where nothing keeps two writers apart
    fcntl = None  # type: ignore[assignment]

from ..checkpoints.layout import (
    CHECKPOINT_FILES,
    CONFIG_FILE,
    FINGERPRINT_FILE,
    ONNX_FILE,
    SPLIT_FILE,
    TRAINING_FILE,
)
from ..inference.batch.row_file import OutputError
from .console import unbroken

# What is read again of a checkpoint folder. Other files there, such as answers and metrics, may be written anew.
_READ = (*CHECKPOINT_FILES, ONNX_FILE, SPLIT_FILE, TRAINING_FILE, FINGERPRINT_FILE)


def check_output_file(path: Path, inputs: Iterable[str | Path | None] = (), suffix: str = "") -> None:
    """Look at an output before any work.

    Args:
        inputs: files that the command reads, checkpoint folders, and names that are no file at all.
        suffix: that the file's name must have.

    Raises:
        OutputError: it is a folder or a device, an input, or in a folder that is not there or cannot be written.
    """
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; give the name of a file")
    if path.exists() and not path.is_file():
        raise OutputError(f"{path}: is no ordinary file; to see the output on the screen or pipe it, leave -o out")
    if suffix and path.suffix.lower() != suffix:
        raise OutputError(f"{path}: is written as {suffix}; give a name that ends so")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}; make it first")
    _refuse_inputs(path, inputs)
    _refuse_unwritable(path, path.parent)


@contextmanager
def output_file(path: Path | None, inputs: Iterable[str | Path | None] = (), suffix: str = "") -> Iterator[None]:
    """Inside, `path` is this command's alone to write; None, where the command has no output, is left alone.

    Raises:
        OutputError: see [`check_output_file`], or another command is writing it.
    """
    if path is None:
        yield
        return
    check_output_file(path, inputs, suffix)
    with _alone(path, path.with_name(f".{path.name}.lock")):
        yield


@contextmanager
def output_folder(path: Path | None, inputs: Iterable[str | Path | None] = ()) -> Iterator[None]:
    """As [`output_file`], for a folder, which is made where it is not there and stays only if something is in it.

    Raises:
        OutputError: it is a file, an input or the folder that an input lies in, holds a checkpoint of another program,
            cannot be written, or another command is writing it.
    """
    if path is None:
        yield
        return
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not there.is_dir():
        raise OutputError(f"{path}: {'' if there == path else f'{there} '}is a file; give the name of a folder")
    for given in inputs:
        if given and path.exists() and Path(given).exists() and _holds(path, Path(given)):
            raise OutputError(f"{path}: is what the command reads ({given}); give another folder")
    if _is_foreign(path / CONFIG_FILE):
        raise OutputError(f"{path}: its config.json is not one of hfskin and would be lost; give another folder")
    _refuse_unwritable(path, there)
    if os.environ.get("RANK", "0") != "0":  # of several processes the first one keeps others out
        yield
        return
    made = [folder for folder in (path, *path.absolute().parents) if not folder.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
        with _alone(path, path / ".lock"):
            yield
    finally:
        for folder in made:
            with suppress(OSError):  # not empty, as it should be
                folder.rmdir()


def _refuse_inputs(path: Path, inputs: Iterable[str | Path | None]) -> None:
    if not path.exists():
        return
    output = path.stat()
    for given in inputs:
        if not given:
            continue
        files = [Path(given, name) for name in _READ] if Path(given).is_dir() else [Path(given)]
        for file in files:
            with suppress(OSError):  # a file that is not there is no input that could be lost
                if os.path.samestat(file.stat(), output):
                    raise OutputError(f"{path}: is what the command reads ({file}); give another file")


def _refuse_unwritable(path: Path, folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: cannot be written (nothing may be written to {folder}); give another place")


def _holds(folder: Path, given: Path) -> bool:
    """Whether an input is the folder itself, or a file that lies in it."""
    return folder.samefile(given if given.is_dir() else given.parent)


def _is_foreign(config: Path) -> bool:
    try:
        return json.loads(config.read_bytes()).get("model_type") != "hfskin"
    except FileNotFoundError:
        return False
    except (OSError, ValueError, AttributeError, RecursionError):
        return True


@contextmanager
def _alone(path: Path, lock: Path) -> Iterator[None]:
    """Hold a lock that the system takes back from a process that dies, whatever becomes of its file."""
    file = None
    try:
        with unbroken():
            file = _locked(path, lock)
        yield
    finally:
        with unbroken():
            if file is not None:
                with suppress(OSError):
                    lock.unlink()
                os.close(file)


def _locked(path: Path, lock: Path) -> int:
    while True:
        try:
            file = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise OutputError(f"{path}: another command is writing it; wait for it, or give another name") from None
        except OSError:  # a disk without locks
            pass
        with suppress(OSError):
            if os.path.samestat(os.fstat(file), lock.stat()):
                return file
        os.close(file)  # the one before has just removed it
