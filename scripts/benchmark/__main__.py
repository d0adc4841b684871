"""How fast hfskin is, and how much memory it takes: one run, one table.

    python -m scripts.benchmark --prepare
    python -m scripts.benchmark --data HAM10000 [--keras-python PYTHON] [--rounds 9] [--threads 2] ...
    python -m scripts.benchmark --data HAM10000 --only int8 ...
    python -m scripts.benchmark --render

`--prepare` exports the ONNX graphs to `--graphs` (git ignores it) and measures nothing; a run makes those that are
missing. A run writes its JSON after every piece: one that is cut off keeps what it has. `--only` measures one piece
again, after a new checkpoint say, and keeps the rest of the report. For figures to publish, nothing else may run on the
machine.
"""

import argparse
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

from ..runner import write_page, write_results
from .pieces import (
    BATCHES,
    PIECES,
    ROOT,
    few,
    measure_int8,
    measure_keras,
    measure_networks,
    measure_pipelines,
    measure_training,
    paper_network,
)

RESULTS = ROOT / "results" / "benchmark.json"
PAGE = ROOT / "docs" / "benchmark.md"


def main() -> None:
    args = parse_arguments()
    if args.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # before torch looks
    os.environ["OMP_NUM_THREADS"] = str(args.threads)  # likewise, and for the child processes
    try:
        if args.render:
            render_page(args.output, PAGE)
        elif args.prepare:
            prepare_all(args)
        elif args.only:
            measure_again(args)
        else:
            measure(args)
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(f"benchmark: {error}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--prepare", action="store_true", help="export the graphs, measure nothing")
    mode.add_argument("--render", action="store_true", help="write docs/benchmark.md from the results, measure nothing")
    mode.add_argument("--only", choices=sorted(PIECES), help="measure this piece of an existing report again")
    parser.add_argument(
        "--data", type=Path, help="HAM10000 folder, for int8 and training; without it neither is measured"
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default cpu")
    parser.add_argument("--backbones", help="comma-separated, in this order; default embedded and all that are listed")
    parser.add_argument("--compile", default="", help="comma-separated rows that torch.compile compiles too: slow")
    parser.add_argument("--rounds", type=int, default=9, help="of mobile networks; default 9. Big ones take at most 3")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="default one for each core")
    parser.add_argument("--keras-python", help="a Python that has TensorFlow; default this one if it has")
    parser.add_argument("--graphs", type=Path, default=ROOT / "build" / "benchmark", help="default build/benchmark")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS, help="default results/benchmark.json")
    args = parser.parse_args()
    if args.only in ("int8", "training") and args.data is None:
        parser.error(f"--only {args.only} needs --data")
    if args.only == "int8" and args.device != "cpu":
        parser.error("int8 is measured on the CPU alone")
    return args


def prepare_all(args: argparse.Namespace) -> None:
    """Export what a run would export first."""
    list(architectures(args))
    paper_network(args)


def measure(args: argparse.Namespace) -> None:
    """All pieces, the quick and important ones first."""
    from hfskin.checkpoints.hub import hide_loading_bars

    hide_loading_bars()
    report = {"command": command(args), "finished": False, "machine": machine(args)}
    prepared = list(architectures(args))

    def keep(*keys: str, value) -> None:
        *path, last = keys
        place = report
        for key in path:
            place = place.setdefault(key, {})
        place[last] = value
        write_results(args.output, report)

    compiled = set(filter(None, args.compile.split(",")))
    mobile = [row for row in prepared if not is_big(row)]
    for row in mobile:
        keep("networks", row.name, value=measure_networks(row, args, BATCHES, args.rounds, row.name in compiled))
    keep("pipelines", value=measure_pipelines(args))
    keep("keras", value=measure_keras(args))
    if args.data:
        if args.device == "cpu":
            keep("int8", value=measure_int8(args))
        keep("training", value=measure_training(args))
    for row in prepared[len(mobile) :]:
        keep("networks", row.name, value=measure_networks(row, args, (1,), few(args), row.name in compiled))
    keep("finished", value=True)


def measure_again(args: argparse.Namespace) -> None:
    """One piece anew; the report says by which command, and on what."""
    from hfskin.checkpoints.hub import hide_loading_bars

    hide_loading_bars()
    report = json.loads(args.output.read_text(encoding="utf-8"))
    report.setdefault("measured_again", {})[args.only] = {"command": command(args), "machine": machine(args)}
    place = report["networks"] if args.only in report["networks"] else report
    place[args.only] = PIECES[args.only](args)
    write_results(args.output, report)


def architectures(args: argparse.Namespace):
    """The rows, big ones last; graphs that are missing are exported."""
    from tqdm.auto import tqdm

    from hfskin.model.backbone_table import backbone_spec

    from .networks import BIG, EMBEDDED, MOBILE, embedded, prepare

    names = args.backbones.split(",") if args.backbones else [EMBEDDED, *MOBILE, *BIG]
    for name in names:
        if name != EMBEDDED:
            backbone_spec(name)  # a wrong name is said before minutes of work
    for name in tqdm(sorted(names, key=BIG.__contains__), "graphs"):
        yield embedded() if name == EMBEDDED else prepare(name, args.graphs)


def is_big(row) -> bool:
    from .networks import BIG

    return row.name in BIG


def machine(args: argparse.Namespace) -> dict:
    import torch

    if args.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: torch finds no GPU here; use --device cpu")
    versions = {name: version(name) for name in ("torch", "timm", "transformers", "onnxruntime")}
    device = torch.cuda.get_device_name() if args.device == "cuda" else f"CPU, {os.cpu_count()} cores"
    load = round(os.getloadavg()[0], 2)
    return {"device": device, "threads": args.threads, "load": load, "versions": versions}


def command(args: argparse.Namespace) -> str:
    """The command that measures the same, without this machine's folders."""
    words = ["python -m scripts.benchmark"]
    words += ["--data HAM10000"] if args.data else []
    words += ["--keras-python PYTHON"] if args.keras_python else []
    words += [f"--{name} {value}" for name in ("backbones", "compile", "only") if (value := getattr(args, name))]
    return " ".join([*words, f"--device {args.device} --rounds {args.rounds} --threads {args.threads}"])


def render_page(results: Path, page: Path) -> None:
    """Write the page of the results."""
    from .page import render

    write_page(page, render(json.loads(results.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
