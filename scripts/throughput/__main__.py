"""Measure how fast and in how much memory `hfskin predict` goes through a folder, beside the model alone, and size a
million pictures by it: `python -m scripts.throughput` writes results/throughput.json and docs/scale.md.

`--render` writes the page alone. The pictures are hard links to those of tests/data.
"""

import json
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from hfskin.inference.backend import load
from hfskin.inference.base import stack
from hfskin.inference.batch.formats import FORMATS
from hfskin.inference.batch.items import Item, find_pictures, predict_items
from hfskin.inference.batch.row_file import RowFile
from hfskin.inference.quality import has_lines, is_blurred, small_grey
from hfskin.model.image_reading import read_image

from ..runner import write_page, write_results

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "tests" / "data" / "images"
RESULTS, PAGE = ROOT / "results" / "throughput.json", ROOT / "docs" / "scale.md"
TEMPLATE = Path(__file__).with_name("template.md")
BATCH, ROUNDS, WARM_UP = 32, 7, 1
BATCHES = 20  # of a round; a folder has a beginning and an end, at which a core waits
MILLION = 1_000_000
STAGES = ("read and decode", "look for blur, hairs and rulers", "crop, resize, normalise")


def main(
    files: Annotated[int, typer.Option(help="Pictures in the folder.")] = 20_000,
    render: Annotated[bool, typer.Option("--render", help="Only write the page again.")] = False,
) -> None:
    """Measure, write the figures, render the page."""
    if not render:
        write_results(RESULTS, measure(files))
    write_page(PAGE, page(json.loads(RESULTS.read_text())))


def measure(files: int) -> dict:
    """Pictures a second of the model and of the folder in turns, and the memory while a long folder is gone through."""
    pipeline = load()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "pictures"
        folder.mkdir()
        link_pictures(folder, files)
        found = find_pictures([folder])
        items = [Item(name, path) for name, path in found]
        batch = stack([pipeline.prepare(item.image, *item.patient) for item in items[:BATCH]])
        rounds = []
        for _ in range(WARM_UP + ROUNDS):
            model, model_ms = rate(lambda: [pipeline.run(*batch) for _ in range(BATCHES)], BATCHES * BATCH)
            whole, whole_ms = rate(lambda: list(predict_items(pipeline, items[: BATCHES * BATCH])), BATCHES * BATCH)
            rounds.append((model, whole, whole / model, model_ms, whole_ms))
        model, whole, ratio, model_ms, whole_ms = map(statistics.median, zip(*rounds[WARM_UP:], strict=True))
        parts = stages(pipeline, items[: BATCHES * BATCH])
        started, memory = time.perf_counter(), []
        output = Path(name) / "answers.csv"
        RowFile(output, FORMATS["csv"]).write(watched(predict_items(pipeline, items), files, memory))
        seconds = time.perf_counter() - started
        bytes_a_row = output.stat().st_size / files
    return {
        "backend": type(pipeline).__name__,
        "cores": os.cpu_count(),
        "load_average_at_start": round(os.getloadavg()[1], 1),
        "python": platform.python_version(),
        "files": files,
        "bytes_a_picture": round(statistics.mean(path.stat().st_size for path in PICTURES.iterdir())),
        "bytes_a_row": round(bytes_a_row),
        "model_per_second": round(model, 1),
        "folder_per_second": round(whole, 1),
        "ratio": round(ratio, 3),
        "model_cpu_ms": round(model_ms, 2),
        "folder_cpu_ms": round(whole_ms, 2),
        "stages_cpu_ms": parts,
        "long_run_per_second": round(files / seconds, 1),
        "memory": memory,
        "peak_mib": peak_mib(),
    }


def stages(pipeline, items: list[Item]) -> dict[str, float]:
    """Milliseconds of processor time of a picture in each stage beside the network, on one core."""
    spent = dict.fromkeys(STAGES, 0.0)

    def timed(stage: str, work):
        used = time.process_time()
        result = work()
        spent[stage] += 1000 * (time.process_time() - used) / len(items)
        return result

    def quality(image) -> None:
        grey = small_grey(image)
        is_blurred(grey)
        has_lines(grey)

    for item in items:
        image = timed("read and decode", lambda: read_image(item.image).image)  # noqa: B023  (called at once)
        timed("look for blur, hairs and rulers", lambda: quality(image))  # noqa: B023
        timed("crop, resize, normalise", lambda: pipeline.preprocessing(image))  # noqa: B023
    return {stage: round(value, 2) for stage, value in spent.items()}


def link_pictures(folder: Path, files: int) -> None:
    """`files` names for the pictures of tests/data."""
    sources = sorted(PICTURES.iterdir())
    for i in range(files):
        source, target = sources[i % len(sources)], folder / f"{i:07}.jpg"
        try:
            os.link(source, target)
        except OSError:  # another disk
            target.write_bytes(source.read_bytes())


def watched(rows, total: int, memory: list[dict]):
    """The rows; `memory` receives the resident size at eleven places."""
    for i, row in enumerate(rows, start=1):
        yield row
        if i % (total // 10) == 0 or i == total // 20:
            memory.append({"pictures": i, "mib": resident_mib()})


def rate(work, count: int) -> tuple[float, float]:
    """Of `count` pictures: how many a second, and the milliseconds of processor time that each takes."""
    started, used = time.perf_counter(), time.process_time()
    work()
    return count / (time.perf_counter() - started), 1000 * (time.process_time() - used) / count


def resident_mib() -> float:
    """The process's memory now, MiB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / 2**20, 1)


def peak_mib() -> float:
    """Its largest so far, MiB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10), 1)


def page(facts: dict) -> str:
    """docs/scale.md."""
    speed = facts["long_run_per_second"]
    first, last = facts["memory"][0], facts["memory"][-1]
    hours = MILLION / speed / 3600
    values = {
        **facts,
        "speed": speed,
        "percent": round(100 * facts["ratio"]),
        "stages": ", ".join(f"{stage} {ms} ms" for stage, ms in facts["stages_cpu_ms"].items()),
        "hours": f"{hours:.1f}",
        "machines": "\n".join(f"| {n} | {hours / n:.1f} |" for n in (1, 4, 16, 64)),
        "picture_gb": f"{MILLION * facts['bytes_a_picture'] / 1e9:.1f}",
        "row_gb": f"{MILLION * facts['bytes_a_row'] / 1e9:.2f}",
        "memory_rows": "\n".join(f"| {point['pictures']} | {point['mib']} |" for point in facts["memory"]),
        "growth": f"{last['mib'] - first['mib']:+.1f}",
        "first": first["pictures"],
    }
    return TEMPLATE.read_text().format(**values)


if __name__ == "__main__":
    typer.run(main)
