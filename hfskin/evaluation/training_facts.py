"""What training.json tells of how a checkpoint came to be."""

from collections.abc import Mapping


def runs_in_order(training: Mapping | None) -> list[Mapping]:
    """A run's facts after those of the runs that it went on from, the first one first."""
    runs: list[Mapping] = []
    while training:
        runs.insert(0, training)
        training = training.get("before")
    return runs
