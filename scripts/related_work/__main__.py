"""Measure the related work's methods on paired seeds, and render docs/related_work.md.

    python -m scripts.related_work --data DIR --weights FILE --strange DIR [--methods "a;b"] [--seeds 0,1,2]
    python -m scripts.related_work

Heads learn on the last map of a frozen, ImageNet-pretrained MobileNetV3-Small: a run takes seconds, and a difference
is the method's and not the backbone's. Seed s fits the temperature on tenth 1 + s of the lesions and judges by tenth
5 + s; tenth 0, the test part of the published models, is in none. Rows go to results/related_work.json as they come; a
run that stands there is skipped.
"""

import json
import time
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ..runner import Job, TimeLimit, run_jobs, write_page, write_results
from .page import render_page

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results" / "related_work.json"
PAGE = ROOT / "docs" / "related_work.md"


def main(
    data: Annotated[Path | None, typer.Option(help="HAM10000 folder; without it only the page is rendered.")] = None,
    weights: Annotated[str, typer.Option(help='"timm" (its Hub), or a safetensors file.')] = "timm",
    strange: Annotated[Path | None, typer.Option(help="Folder of photographs of other things than lesions.")] = None,
    methods: Annotated[str | None, typer.Option(help="Separated by semicolons; default all.")] = None,
    seeds: Annotated[str, typer.Option(help="Comma-separated, 0 to 3.")] = "0,1,2",
    output: Annotated[Path, typer.Option("--output", "-o", help="JSON of the rows.")] = RESULTS,
    cache: Annotated[Path, typer.Option(help="Where features are kept.")] = ROOT / "runs" / "related_work",
) -> None:
    """Run the methods seed by seed, where there is data; then render the page."""
    if data is not None:
        from hfskin.data.ham10000 import load_ham10000

        from .material import Material

        run_all(Material(load_ham10000(data), weights, data, strange, cache), methods, seeds, output)
    if output == RESULTS:
        write_page(PAGE, render_page(read_rows(output)))


def run_all(material, methods: str | None, seeds: str, output: Path) -> None:
    from .catalogue import CATALOGUE

    names = methods.split(";") if methods else list(CATALOGUE)
    if unknown := set(names) - set(CATALOGUE):
        raise typer.BadParameter(f"unknown method {min(unknown)!r}; choose from: {', '.join(CATALOGUE)}")
    jobs = [
        Job(
            f"{name}, seed {seed}",
            partial(_is_done, output, name, seed),
            partial(_measure, CATALOGUE[name], material, name, seed, output),
        )
        for seed in map(int, seeds.split(","))
        for name in names
    ]
    run_jobs(jobs, TimeLimit(), typer.echo)


def _is_done(output: Path, name: str, seed: int) -> bool:
    return any((row["method"], row["seed"]) == (name, seed) for row in read_rows(output))


def _measure(method, material, name: str, seed: int, output: Path) -> bool:
    """Add the method's row; where it lacks a package or data, that is said, and the others go on."""
    started = time.process_time()
    try:
        figures = method(material, seed)
    except (ImportError, ValueError) as error:
        typer.echo(f"{name}: {error}", err=True)
        return True
    row = {"method": name, "seed": seed, **figures, "seconds": round(time.process_time() - started, 1)}
    write_results(output, sorted([*read_rows(output), row], key=lambda r: (r["method"], r["seed"])))
    typer.echo(json.dumps(row))
    return True


def read_rows(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []


if __name__ == "__main__":
    typer.run(main)
