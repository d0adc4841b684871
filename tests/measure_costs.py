"""What the files of `hostile_files` cost their readers: name, MB of the file, MB of memory, seconds, what became of it.

    python tests/measure_costs.py [NAME ...]

Memory is the peak on top of what the process holds already, time is that of all its processors.
"""

import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hostile_files import PICTURES, UPLOADS

from hfskin.data.tables import MetadataTableError
from hfskin.demo.uploads import Upload, read_uploaded_patients
from hfskin.inference.backend import load
from hfskin.inference.batch.items import predict_items
from hfskin.model.image_reading import ImageError, read_image


def megabytes(which: str) -> float:
    """Of this process: VmRSS is now, VmHWM the most since `forget_peak`; Linux only."""
    return int(re.search(rf"{which}:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1000


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def read_upload(path: Path, pipeline) -> str:
    """How many rows an upload to the Batch tab gives."""
    if path.suffix == ".csv":
        return f"{len(read_uploaded_patients(path))} rows"
    upload = Upload([path], None)
    rows = [*predict_items(pipeline, upload.items(), batch_size=4), *upload.refused]
    return f"{len(rows)} rows, such as {rows[-1].error}"


def read_picture(data: bytes, name: str) -> str:
    """The size of a picture."""
    return "{}x{}".format(*read_image(data, name).image.size)


def measure(name: str, size: int, read: Callable, *args) -> None:
    """Print one line."""
    forget_peak()
    before, started = megabytes("VmRSS"), time.process_time()
    try:
        said = read(*args)
    except (ImageError, MetadataTableError) as error:
        said = str(error)
    seconds, peak = time.process_time() - started, megabytes("VmHWM") - before
    print(f"{name:20} {size / 10**6:6.1f} {peak:6.0f} {seconds:6.2f}  {said[:150]}", flush=True)


def main() -> None:
    pipeline = load(threads=1)
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[1:] or [*PICTURES, *UPLOADS]:
            if name in PICTURES:
                make, pieces = PICTURES[name]
                data = make(pieces)
                measure(name, len(data), read_picture, data, name)
            else:
                path = Path(folder) / name
                write, pieces = UPLOADS[name]
                write(path, pieces)
                measure(name, path.stat().st_size, read_upload, path, pipeline)


if __name__ == "__main__":
    main()
