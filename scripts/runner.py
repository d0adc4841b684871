"""What every experiment does alike: skip what is done, go on with what was cut off, stop in time, render its page."""

import json
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from hfskin.training.config import TrainConfig


class TimeLimit:
    """How long a script may work, from now on; without `minutes` as long as it takes."""

    def __init__(self, minutes: float | None = None):
        self._deadline = math.inf if minutes is None else time.monotonic() + 60 * minutes

    @property
    def left(self) -> float | None:
        """Minutes, or None without a limit."""
        return None if self._deadline == math.inf else (self._deadline - time.monotonic()) / 60

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._deadline


@dataclass(frozen=True)
class Job:
    """A part of an experiment that leaves a result.

    Args:
        is_done: whether the result is there.
        work: makes it, or goes on with it; False where the time ended before.
    """

    name: str
    is_done: Callable[[], bool]
    work: Callable[[], bool]


def run_jobs(jobs: Iterable[Job], limit: TimeLimit, say: Callable[[str], object] = print) -> None:
    """Every job in its order, as far as the time goes."""
    for job in jobs:
        if job.is_done():
            say(f"{job.name}: done before")
        elif limit.is_over:
            say("time is up; the same command goes on from here")
            return
        elif not job.work():
            say(f"{job.name}: cut off by the time limit; the same command goes on")


def is_trained(split: "pd.DataFrame", run: Path, config: "TrainConfig", limit: TimeLimit) -> bool:
    """Train a run to its end, or go on with it; whether it came there in time. One that did before is left as it is.

    Raises:
        ValueError: `run` holds one that was trained in another way.
    """
    from hfskin.checkpoints.history import is_finished
    from hfskin.training.fingerprint import differences, run_fingerprint
    from hfskin.training.run import train

    if is_finished(run):
        if found := differences(run, run_fingerprint(split, config)):
            raise ValueError(f"{run} was trained in another way: {found}; give another folder for the runs or delete "
                             f"{run.parent}")  # fmt: skip
        return True
    if limit.is_over:
        return False
    train(split, run, config, limit.left)
    return is_finished(run)


def write_results(path: Path, results: dict | list) -> None:
    """Write JSON, whole or not at all, a line for each part at the top: small, and a change shows where it is."""
    from hfskin.checkpoints.save import write_whole

    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, compact(results))


def compact(results: dict | list) -> str:
    """See [`write_results`]."""

    def line(value) -> str:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)

    if isinstance(results, list):
        return "[\n" + ",\n".join(map(line, results)) + "\n]\n"
    return "{\n" + ",\n".join(f"{line(key)}: {line(value)}" for key, value in results.items()) + "\n}\n"


def write_page(page: Path, text: str, say: Callable[[str], object] = print) -> None:
    """Write a rendered page."""
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text, encoding="utf-8")
    say(f"wrote {page}")
