"""Inputs one after the other in a child process, which is watched; what it does that it should not is a finding."""

import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", GRADIO_ANALYTICS_ENABLED="False", TRANSFORMERS_VERBOSITY="error")

import psutil

MAX_SECONDS = 10  # of processor time, for one input
MAX_STILL = 300  # seconds of waiting for something that does not come
MAX_MEMORY = 10**9  # bytes
MAX_FINDINGS = 20  # of a target; after that it is given up
IDLE = -1  # the seed before the first
GREW = 3  # exit code of a child that was replaced because of its memory


def fuzz(name: str, seed: int, seconds: float | None, most: int | None) -> tuple[int, int]:
    """Inputs and findings of one target; a child that crashes, hangs or grows is replaced by a new one."""
    context = multiprocessing.get_context("forkserver")  # a child need not import torch again
    context.set_forkserver_preload(["scripts.fuzz.targets"])
    first, started, findings, spent = seed, time.monotonic(), 0, 0.0
    while (most is None or seed < first + most) and (seconds is None or spent < seconds) and findings < MAX_FINDINGS:
        position, found = context.Value("q", IDLE), context.SimpleQueue()
        left = None if seconds is None else seconds - spent
        end = None if most is None else first + most
        child = context.Process(target=work, args=(name, seed, left, end, position, found), daemon=True)
        child.start()
        for number, complaint in watch(child, position, found):
            report(name, number, complaint)
            findings += 1
        if position.value == IDLE:
            raise RuntimeError(f"{name}: did not start (exit code {child.exitcode})")
        seed = position.value + 1
        spent = time.monotonic() - started
    print(f"{name}: {seed - first} inputs, {findings} findings, {spent:.0f} s", flush=True)
    return seed - first, findings


def report(name: str, seed: int, why: str) -> None:
    """One finding, and how to see it again."""
    print(f"FINDING --target {name} --again {seed}: {why}", flush=True)


def watch(child, position, found) -> Iterator[tuple[int, str]]:
    """Seed and complaint of each finding until the child ends or has to be ended."""
    process, seen = psutil.Process(child.pid), None
    used = since = 0.0
    while child.is_alive():
        while not found.empty():
            yield found.get()
        child.join(0.2)
        try:
            times, waits = process.cpu_times(), process.status() != psutil.STATUS_RUNNING
        except psutil.NoSuchProcess:
            break
        now = times.user + times.system
        if position.value != seen:
            seen, used, since = position.value, now, time.monotonic()
        elapsed, still = now - used, time.monotonic() - since
        # One that may run but gets no processor, on a busy machine, does not hang.
        if (still > MAX_STILL and waits) or (seen != IDLE and elapsed > MAX_SECONDS):
            child.kill()
            child.join()
            yield seen, f"no end after {elapsed:.0f} s of processor time, {still:.0f} s in all"
            return
    child.join()
    while not found.empty():
        yield found.get()
    if child.exitcode not in (0, GREW):
        yield position.value, f"the process died ({child.exitcode})"


def work(name: str, seed: int, seconds: float | None, end: int | None, position, found) -> None:
    """The child: one input after the other. It ends with `GREW` where its memory grew too much."""
    from scripts.fuzz.targets import TARGETS

    with tempfile.TemporaryDirectory() as folder:
        target = TARGETS[name](Path(folder))
        until = None if seconds is None else time.monotonic() + seconds
        memory = None
        while (until is None or time.monotonic() < until) and (end is None or seed < end):
            position.value = seed
            if (why := complaint(target, seed)) is not None:
                found.put((seed, why))
            if memory is None:  # after the first: what is loaded only then is no input's fault
                memory = peak_memory()
            grown = peak_memory() - memory
            if grown > MAX_MEMORY:
                found.put((seed, f"{grown / 10**9:.1f} GB of memory"))
                sys.exit(GREW)
            seed += 1


def complaint(target, seed: int) -> str | None:
    """What is wrong with how the target took the input of this seed; None where nothing is."""
    from scripts.fuzz.targets import plain

    value = target.make(random.Random(seed))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            target.run(value)
    except target.documented as error:
        return None if plain(error) else f"unreadable message: {type(error).__name__}: {str(error)[:200]!r}"
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:200]!r} ({Path(where.filename).name}:{where.lineno})"
    return None


def peak_memory() -> int:
    """The most memory that this process ever held, in bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
