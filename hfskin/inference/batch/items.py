"""Many pictures: decode, preprocess and predict, overlapped; one bad file does not stop the rest."""

import os
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Protocol

from ...data.folders import files_below
from ...model.image_reading import OTHER_SUFFIXES, SUFFIXES, ImageError
from ...model.metadata import UNKNOWN_PATIENT, Patient, age_note, understood
from ...model.other_formats import DICOM_SUFFIXES, HEIC_SUFFIXES, has_no_suffix, is_dicom
from ..base import BATCH_SIZE
from ..prediction import Prediction
from ..prepare import Prepared

STDIN = "-"  # where a path stands: the picture comes from there
_ADVICE = {
    **dict.fromkeys(HEIC_SUFFIXES, "for HEIC, pip install pillow-heif"),
    **dict.fromkeys(DICOM_SUFFIXES, "for DICOM, pip install pydicom"),
}


@dataclass(frozen=True)
class Item:
    """One picture to look at: a path, bytes or a PIL image, with its name in the output."""

    name: str
    image: object
    patient: Patient = UNKNOWN_PATIENT


@dataclass(frozen=True)
class Row:
    """One answered item: a prediction, or the message why there is none."""

    name: str
    prediction: Prediction | None = None
    error: str | None = None


def find_pictures(paths: Iterable[Path], notes: list[str] | None = None) -> list[tuple[str, str]]:
    """Name and path of the files among `paths` and of the pictures below its folders, which are named relative to them.

    Plain strings, since a million of them must be held. A folder that cannot be read stands among them, for it may hold
    pictures: its row says why.

    Args:
        notes: gets a line where folders hold pictures of kinds that are not read.

    Raises:
        FileNotFoundError: a folder without pictures. (A file that is missing is reported in its row.)
    """
    found, others = [], Counter[str]()
    for path in paths:
        if str(path) == STDIN:
            found.append(("stdin", STDIN))
            continue
        if not path.is_dir():
            found.append((_printable(path.name), str(path)))
            continue
        below = _look_below(path, others)
        if not below:
            left = f"; {_left_out(others)}" if others else f" ({', '.join(SUFFIXES)})"
            raise FileNotFoundError(f"{path}: no pictures in this folder{left}")
        for file in below:
            start = path.parent if file == str(path) else path
            found.append((_printable(Path(file).relative_to(start).as_posix()), file))
    if others and notes is not None:
        notes.append(_left_out(others))
    return _told_apart(found)


def _look_below(path: Path, others: Counter[str]) -> list[str]:
    """The pictures below a folder, in order, and then what of its folders cannot be read.

    Args:
        others: gets the numbers of pictures that are not read, by suffix.
    """
    found: list[str] = []
    unreadable: list[str] = []
    for file in files_below(path, unreadable):
        name = file.lower()
        if has_no_suffix(name) and _holds_dicom(file):
            name += DICOM_SUFFIXES[0]
        if name.endswith(SUFFIXES):
            found.append(file)
        elif name.endswith(OTHER_SUFFIXES):
            others[os.path.splitext(name)[1]] += 1
    return sorted(found) + unreadable


def _holds_dicom(path: str) -> bool:
    try:
        if not os.path.isfile(path):  # a pipe would never end
            return False
        with open(path, "rb") as file:
            return is_dicom(file.read(132))
    except OSError:
        return False


def _left_out(others: Counter[str]) -> str:
    """How many pictures are not read, and what helps."""
    kinds = ", ".join(f"{number} {suffix}" for suffix, number in sorted(others.items()))
    helps = dict.fromkeys(_ADVICE.get(suffix, "save them as JPEG or PNG") for suffix in sorted(others))
    return f"left out {kinds}, which cannot be read here: {', '.join(helps)}"


def _told_apart(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Names that several inputs have become their paths, as given."""
    paths: dict[str, set[str]] = defaultdict(set)
    for name, path in found:
        paths[name].add(path)
    if len(paths) == len(found):
        return found
    return [(name if len(paths[name]) == 1 else _printable(Path(path).as_posix()), path) for name, path in found]


class Answering(Protocol):
    """What [`predict_items`] needs of a pipeline, see [`LesionPipeline`]."""

    def prepare(self, image, age=None, sex=None, localization=None) -> Prepared: ...

    def predict_prepared(self, prepared: list[Prepared]) -> list[Prediction]: ...

    def on_one_core(self) -> "Answering | None": ...


def predict_items(
    pipeline: Answering,
    items: Iterable[Item],
    batch_size: int = BATCH_SIZE,
    workers: int | None = None,
) -> Iterator[Row]:
    """One row an item, in order. A folder of any size needs the same memory.

    Where there is a batch for every core and a call of the pipeline can be kept to one, every core takes whole batches,
    from file to answer, and none waits for another; one batch a core and one more are held at once. Else pictures are
    decoded by threads while the model works on the batch before, and two batches are held.

    Args:
        workers: threads; default one a core.
    """
    workers, items = workers or os.cpu_count() or 1, iter(items)
    first = list(islice(items, workers * batch_size))
    alone = pipeline.on_one_core() if len(first) == workers * batch_size else None
    items = chain(first, items)
    del first  # the chain drops it when it is through
    if alone is None:
        yield from _decode_ahead(pipeline, items, batch_size, workers)
    else:
        yield from _side_by_side(alone, items, batch_size, workers)


def _decode_ahead(pipeline: Answering, items: Iterable[Item], batch_size: int, workers: int) -> Iterator[Row]:
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque = deque()
        for item in items:
            waiting.append((item, pool.submit(_prepare, pipeline, item)))
            if len(waiting) >= 2 * batch_size:
                yield from _collect(pipeline, [waiting.popleft() for _ in range(batch_size)])
        while waiting:
            yield from _collect(pipeline, [waiting.popleft() for _ in range(min(batch_size, len(waiting)))])


def _collect(pipeline: Answering, batch: list) -> list[Row]:
    return _answer(pipeline, [item for item, _ in batch], [future.result() for _, future in batch])


def _side_by_side(pipeline: Answering, items: Iterator[Item], batch_size: int, workers: int) -> Iterator[Row]:
    def look(batch: list[Item]) -> list[Row]:
        return _answer(pipeline, batch, [_prepare(pipeline, item) for item in batch])

    waiting: deque = deque()
    with ThreadPoolExecutor(workers) as pool, _cancelled(waiting):
        while batch := list(islice(items, batch_size)):
            waiting.append(pool.submit(look, batch))
            if len(waiting) > workers:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


@contextmanager
def _cancelled(waiting: deque) -> Iterator[None]:
    """Whoever stops early does not wait for what had not begun."""
    try:
        yield
    finally:
        for future in waiting:
            future.cancel()


def _prepare(pipeline: Answering, item: Item) -> Prepared | str:
    patient, wrong = understood(*item.patient)
    notes = [f"{message}; answered without it" for message in wrong.values()]
    if "age" not in wrong and (note := age_note(item.patient[0])):
        notes.append(note)
    try:
        prepared = pipeline.prepare(item.image, *patient)
        return replace(prepared, warnings=(*map(_printable, notes), *prepared.warnings)) if notes else prepared
    except ImageError as error:
        message = str(error)
        return _printable(message if message.startswith(f"{item.name}:") else f"{item.name}: {message}")


def _printable(text: str) -> str:
    """A file's name may hold bytes that are no text; U+FFFD stands for them."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _answer(pipeline: Answering, batch: list[Item], prepared: list[Prepared | str]) -> list[Row]:
    """The rows of a batch, of which [`_prepare`] has made `prepared`."""
    predictions = iter(pipeline.predict_prepared([result for result in prepared if not isinstance(result, str)]))
    return [
        Row(item.name, error=result) if isinstance(result, str) else Row(item.name, prediction=next(predictions))
        for item, result in zip(batch, prepared, strict=True)
    ]
