"""One folder over several processes and machines: each writes its part, and the last one puts them together."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base import BATCH_SIZE
from ..machine import has_cuda, threads_asked_for
from .formats import Format, Record
from .row_file import RowFile, read_records


@dataclass(frozen=True)
class Shard:
    """Which part of the pictures is this process's.

    Nothing passes between the processes but their files: they may start at different times, on machines that share a
    disk, and one that dies takes no other with it.
    """

    rank: int = 0
    count: int = 1

    @classmethod
    def from_environment(cls) -> "Shard":
        """From RANK and WORLD_SIZE, as torchrun, `accelerate launch` and most schedulers set them; else the whole."""
        count = int(os.environ.get("WORLD_SIZE", 1))
        return cls(int(os.environ["RANK"]), count) if count > 1 and "RANK" in os.environ else cls()

    def part(self, pictures: Sequence) -> Sequence:
        """Consecutive pictures, cut between two batches: every batch is then as it is in one process."""
        batches = -(-len(pictures) // BATCH_SIZE)
        start, end = (BATCH_SIZE * (batches * rank // self.count) for rank in (self.rank, self.rank + 1))
        return pictures[start:end]

    def path(self, output: Path, rank: int | None = None) -> Path:
        """answers.csv -> answers-00000-of-00002.csv; the whole output is its own only part."""
        if self.count == 1:
            return output
        rank = self.rank if rank is None else rank
        return output.with_stem(f"{output.stem}-{rank:05}-of-{self.count:05}")

    def device(self) -> int | None:
        """The GPU that is this process's; None leaves the choice to `load`."""
        return int(os.environ.get("LOCAL_RANK", 0)) if self.count > 1 and has_cuda() else None

    def cores(self) -> int:
        """How many of the machine's cores are this process's; OMP_NUM_THREADS where it is alone and that is set."""
        cores = os.cpu_count() or 1
        if self.count > 1:  # torchrun has set OMP_NUM_THREADS to 1
            return max(1, cores // int(os.environ.get("LOCAL_WORLD_SIZE", 1)))
        return threads_asked_for() or cores


WHOLE = Shard()


def put_together(output: Path, shard: Shard, format: Format) -> RowFile | None:
    """Once every part is whole: all rows in order in `output`, and the parts removed. None while one is missing."""
    parts = [shard.path(output, rank) for rank in range(shard.count)]
    if not all(part.exists() for part in parts):
        return None
    whole = RowFile(output, format, growing=output.with_name(f".{output.name}.writing.{shard.rank}"))
    try:
        whole.write_records(_records(parts, format))
    except FileNotFoundError:  # two processes ended at once, and the other one was faster
        whole.growing.unlink()
        return None
    for part in parts:
        part.unlink(missing_ok=True)
    return whole


def _records(parts: Sequence[Path], format: Format) -> Iterator[Record]:
    for part in parts:
        yield from read_records(part, format)
