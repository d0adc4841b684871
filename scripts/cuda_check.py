"""Does training do on a GPU what it does on a CPU? Half precision, a resumed run, a teacher, masks, two processes.

    python -m scripts.cuda_check --data DIR --masks DIR [-o results/cuda_check.json]

Every check trains a small network for a few steps by `hfskin train`, as a user would, and is written down with what was
measured; it passes where the loss on the validation part is that of the same run in full precision, within `NEAR`.
The tests run on a CPU alone: this is for the one machine with a GPU. tests/data and tests/masks are enough.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import torch
import typer

from .runner import write_results

ROOT = Path(__file__).resolve().parents[1]
NEAR = 0.1  # nats
RUN = ["--backbone", "mobilenet_v3_small", "--backbone-weights", "none", "--recipe", "modern", "--epochs", "2",
       "--batch-size", "8", "--image-size", "64", "64", "--learning-rate", "1e-4"]  # fmt: skip


def main(
    data: Annotated[Path, typer.Option(help="HAM10000 folder, or one like it.")],
    masks: Annotated[Path, typer.Option(help="Folder of lesion masks.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="JSON to write.")] = ROOT / "results/cuda_check.json",
) -> None:
    """Run the checks on this machine's GPUs."""
    if not torch.cuda.is_available():
        sys.exit("cuda_check: torch finds no GPU here, and on a CPU the tests check the same")
    with tempfile.TemporaryDirectory() as folder:
        checks = run_checks(data, masks, Path(folder), torch.cuda.device_count())
    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    write_results(output, {"devices": devices, "torch": torch.__version__, "checks": checks})
    for name, check in checks.items():
        typer.echo(f"{name}: {'passed' if check['passed'] else 'FAILED'} {check}")
    if not all(check["passed"] for check in checks.values()):
        sys.exit(1)


def run_checks(data: Path, masks: Path, folder: Path, gpus: int) -> dict[str, dict]:
    """By name: whether it passed, the validation loss after each epoch, seconds.

    Args:
        folder: for the checkpoints.
        gpus: two processes are checked from two on; with none everything runs on the CPU.
    """

    def run(name: str, *options: str, processes: int = 1) -> dict:
        started = time.perf_counter()
        launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "-m"]
        command = [sys.executable, "-m", *(launcher if processes > 1 else []), "hfskin.cli", "train"]
        shown = os.environ | ({"CUDA_VISIBLE_DEVICES": "0"} if processes == 1 else {})
        command += ["--data", str(data), "-o", str(folder / name), *RUN, *options]
        done = subprocess.run(command, capture_output=True, text=True, env=shown)
        if done.returncode:
            return {"losses": [], "error": done.stderr.strip().splitlines()[-1]}
        history = json.loads((folder / name / "training.json").read_text(encoding="utf-8"))["history"]
        losses = [round(entry["eval_loss"], 4) for entry in history]
        return {"losses": losses, "seconds": round(time.perf_counter() - started, 1)}

    full = run("full", "--precision", "fp32")
    wanted = full["losses"]
    run("resumed", "--precision", "fp32", "--minutes", "0.0001")
    checks = {
        "full precision": full,
        "half precision": run("half", "--precision", "bf16"),
        "resumed": run("resumed", "--precision", "fp32"),
        "teacher": run("taught", "--precision", "bf16", "--teacher", str(folder / "full")),
        "masks": run("masks", "--precision", "bf16", "--masks", str(masks)),
    }
    if gpus > 1:
        checks["two processes"] = run("two", "--precision", "fp32", processes=2)
    for check in checks.values():
        pairs = list(zip(check["losses"], wanted, strict=False))
        check["passed"] = len(pairs) == 2 and all(abs(mine - theirs) < NEAR for mine, theirs in pairs)
    return checks


if __name__ == "__main__":
    typer.run(main)
