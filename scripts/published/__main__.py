"""The published checkpoints, from pretrained weights: one command, which goes on where it was cut off.

    python -m scripts.published --data ../shared/ham10000 --copies ../shared/ham10000_224 \\
        --masks ../shared/ham10000/HAM10000_segmentations_lesion_tschandl --weights ../shared/weights \\
        --lesions-elsewhere ../shared/isic2020 --negatives ../shared/negatives/photos -o runs/published
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from hfskin.checkpoints.history import is_finished
from hfskin.checkpoints.layout import CONFIG_FILE, read_settings

from ..runner import Job, TimeLimit, run_jobs
from . import publish
from .publish import given, hfskin, run_module

TRANSFORMER, SMALL, LARGER = "vit", ("lite0", "v3_small"), "lite2"
SUPERVISION = ("--recipe", "attention-supervision", "--split", "lesion", "--seed", "1")


def main(
    data: publish.DataOption,
    weights: Annotated[Path, typer.Option(help="Folder of pretrained weights, with its weights.json.")],
    masks: Annotated[Path, typer.Option(help="Folder of lesion masks: for attention supervision, and to measure.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="A folder for the runs.")],
    copies: publish.CopiesOption = None,
    lesions_elsewhere: publish.ElsewhereOption = None,
    negatives: publish.NegativesOption = None,
    max_minutes: Annotated[float | None, typer.Option(help="Stop training after the epoch that passes this.")] = None,
) -> None:
    """Train the members, put "default" and "large" together, and publish both."""
    limit = TimeLimit(max_minutes)
    on_data = ["--data", data, *given("--copies", copies)]

    def run(name: str) -> Path:
        return output / name

    def members(*names: str, teacher: Path | None = None) -> None:
        more = [*given("--teacher", teacher), *given("--max-minutes", limit.left)]
        run_module("scripts.published.train", *names, *on_data, "--weights", weights, *more, "-o", output)

    def taught_by(name: str, *pupils: str) -> None:
        if read_settings(run(name) / CONFIG_FILE).get("conformal_threshold") is None:  # they are to learn probabilities
            hfskin("calibrate", run(name), *on_data, "--split", "lesion")
        members(*pupils, teacher=run(name))

    def supervised() -> None:
        more = ["--masks", masks, *given("--max-minutes", limit.left)]
        hfskin("train", "--from", run("lite0"), *SUPERVISION, *on_data, *more, "-o", run("supervised"))

    def training(*names: str, work: Callable[[], None]) -> Job:
        def is_done() -> bool:
            return all(is_finished(run(name)) for name in names)

        def worked() -> bool:
            work()
            return is_done()

        return Job(" and ".join(names), is_done, worked)

    def publishing(name: str) -> Job:
        def worked() -> bool:
            publish.main(run(name), data, name, copies, masks, lesions_elsewhere, negatives)
            return True

        return Job(f"publishing {name}", lambda: publish.is_published(run(name), name), worked)

    def combined(name: str, command: str, *parts: str, options: Sequence[str] = ()) -> Job:
        return training(name, work=lambda: hfskin(command, *map(run, parts), "-o", run(name), *options))

    jobs = [
        training(TRANSFORMER, work=lambda: members(TRANSFORMER)),
        training(*SMALL, work=lambda: taught_by(TRANSFORMER, *SMALL)),
        training("supervised", work=supervised),
        combined("mean", "average", "supervised", "lite0"),
        combined("default", "ensemble", "mean", "v3_small"),
        publishing("default"),
        combined("teacher", "ensemble", TRANSFORMER, "default", options=("--weight", "1", "--weight", "2")),
        training(LARGER, work=lambda: taught_by("teacher", LARGER)),
        combined("large", "ensemble", "mean", LARGER),
        publishing("large"),
    ]
    run_jobs(jobs, limit)


if __name__ == "__main__":
    typer.run(main)
