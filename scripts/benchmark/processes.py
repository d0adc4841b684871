"""A process of its own for a piece of the benchmark, and the most memory that it held."""

from collections.abc import Callable
from multiprocessing import get_context, set_start_method
from pathlib import Path

# Forked from a server that has imported torch and computed nothing: as clean as a new process, without the wait.
_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(["scripts.benchmark.networks"])

MEGABYTE = 10**6


def peak_memory() -> float:
    """MB that this process has held at most, resident (VmHWM of Linux; `ru_maxrss` would count its parent's too)."""
    status = Path("/proc/self/status").read_text()
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return round(int(kilobytes) * 1024 / MEGABYTE, 1)


def in_process(function: Callable, *arguments) -> tuple[object, float]:
    """What `function` returns in a process of its own, and that process's peak memory in MB.

    Raises:
        RuntimeError: the process died.
    """
    receiver, sender = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_send, args=(sender, function, arguments))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        raise RuntimeError(f"{function.__name__} died in its process; its error stands above") from None
    finally:
        process.join()


def _send(sender, function: Callable, arguments: tuple) -> None:
    # Otherwise a data loader's workers would come from the server too, which takes only a few shared tensors.
    set_start_method("fork", force=True)
    sender.send((function(*arguments), peak_memory()))
