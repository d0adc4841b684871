"""How slow the processor is, so that limits of its time hold on a slow machine or a busy one too."""

import time
import zlib

WORK = bytes(range(256)) * 2**15  # 8 MB
SECONDS = 0.02  # that it took where the limits were chosen


def slowness() -> float:
    """How many times as long a piece of work takes this processor now; 1 where it is as fast, or faster."""
    started = time.process_time()
    zlib.compress(WORK)
    return max((time.process_time() - started) / SECONDS, 1)
