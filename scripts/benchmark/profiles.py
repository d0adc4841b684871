"""Where the time goes, by operator: for a bound that is missed."""

import json
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import onnxruntime
from torch.profiler import profile

CALLS, TOP = 3, 6


def torch_profile(runs: dict[str, Callable[[], object]], device: str = "cpu") -> list[dict]:
    """The operators on which the first run spends most, or most more than the second: name, and milliseconds by run.

    Args:
        runs: one call or two.
        device: whose time counts, "cpu" or "cuda".
    """
    return _table({name: _torch_operators(run, device) for name, run in runs.items()})


def onnx_profile(path: Path, inputs: dict, threads: int) -> list[dict]:
    """As [`torch_profile`], of ONNX Runtime's operators for one graph; `inputs` are arrays by name."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.enable_profiling = threads, True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        given = {node.name: inputs[node.name] for node in session.get_inputs()}
        for _ in range(CALLS):
            session.run(None, given)
        events = json.loads(Path(session.end_profiling()).read_text())
    operators = Counter()
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            operators[event["args"]["op_name"]] += event["dur"] / 1000 / CALLS
    return _table({"onnx": operators})


def _torch_operators(run: Callable[[], object], device: str) -> Counter:
    run()
    with profile() as record:
        for _ in range(CALLS):
            run()
    operators = Counter()
    for event in record.key_averages():
        microseconds = event.self_device_time_total if device == "cuda" else event.self_cpu_time_total
        operators[event.key] += microseconds / 1000 / CALLS
    return operators


def _table(operators: dict[str, Counter]) -> list[dict]:
    first, *others = operators.values()
    excess = Counter(first)
    for other in others:
        excess.subtract(other)
    return [
        {"operator": name, "milliseconds": {run: round(times[name], 3) for run, times in operators.items()}}
        for name, _ in excess.most_common(TOP)
    ]
