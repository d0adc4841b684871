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
import importlib.util
import itertools
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from ..runner import write_results

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results" / "benchmark.json"
PAGE = ROOT / "docs" / "benchmark.md"
PICTURES = ROOT / "tests" / "data" / "images"
BATCHES = (1, 32)
TURN = 0.04  # seconds that a contender has at batch 1, in which a small network answers several times
BIG_ROUNDS = 3  # of a big network, a pipeline and the training; never more than --rounds
TRAINING_STEPS = {"cpu": 6, "cuda": 60}  # timed in a round


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


def paper_network(args: argparse.Namespace):
    """The network that the Keras stack has too."""
    from .networks import PAPER_HEAD, prepare

    return prepare("mobilenet_v3_large", args.graphs, **PAPER_HEAD)


def is_big(row) -> bool:
    from .networks import BIG

    return row.name in BIG


def measure_networks(row, args: argparse.Namespace, batches: tuple[int, ...], rounds: int, compiled: bool) -> dict:
    """A row of the table: seconds by batch, contender and round; memory on a CPU; profiles of what misses a bound."""
    import torch

    from hfskin.inference.base import network_names

    from ..paper.timing import alternate
    from .networks import contenders, logits_difference, peak_memories
    from .ratios import missed

    print(row.name, file=sys.stderr)
    torch.set_num_threads(args.threads)
    result = {"backbone": network_names(row.config), "image_size": list(row.config.image_size), "seconds": {}}
    for batch in batches:
        runs = contenders(row, batch, args.device, args.threads, compiled)
        turn = TURN if batch == 1 else 0.0
        result["seconds"][str(batch)] = rounded(alternate(runs, rounds, warm_up=1, turn=turn))
        if "onnx" in runs:
            result["logits_difference"] = logits_difference(runs)
        for contender, reference, where in missed(result["seconds"]):
            if where == str(batch):
                key = f"{contender}, batch {batch}"
                profile = profile_of(row, {name: runs[name] for name in (contender, reference)}, batch, args)
                result.setdefault("profiles", {})[key] = profile
    if args.device == "cpu":
        result["peak_batch"], result["peak_mb"] = batches[-1], peak_memories(row, batches[-1], args.threads)
    return result


def profile_of(row, runs: dict, batch: int, args: argparse.Namespace) -> list[dict]:
    """Of the two runs whose ratio misses its bound; of ONNX Runtime alone where it is one."""
    from hfskin.checkpoints.layout import ONNX_FILE

    from .profiles import onnx_profile, torch_profile

    if "onnx" in runs:
        pixels, metadata = row.inputs(batch)
        inputs = {"pixel_values": pixels.numpy(), "metadata": metadata.numpy()}
        return onnx_profile(row.folder / ONNX_FILE, inputs, args.threads)
    return torch_profile(runs, args.device)


def measure_embedded(args: argparse.Namespace) -> dict:
    """The embedded checkpoint's row."""
    from .networks import EMBEDDED, embedded

    return measure_networks(embedded(), args, BATCHES, args.rounds, EMBEDDED in args.compile.split(","))


def measure_pipelines(args: argparse.Namespace) -> dict:
    """From files to answers: ours and transformers'."""
    from functools import partial

    from ..paper.timing import alternate
    from .networks import embedded
    from .peers import VIT_SIDE, answer_files, pipelines

    print("pipelines", file=sys.stderr)
    peers, seconds = pipelines(embedded().config, args.device, args.threads), {}
    pictures = sorted(str(path) for path in PICTURES.glob("*.jpg"))
    for batch in BATCHES:
        files = list(itertools.islice(itertools.cycle(pictures), batch))
        runs = {
            name: partial(answer_files, pipeline, files, name.startswith("hfskin"))
            for name, pipeline in peers.items()
            if batch == 1 or name != "vit_base"
        }
        turn = TURN if batch == 1 else 0.0
        seconds[str(batch)] = rounded(alternate(runs, args.rounds if batch == 1 else few(args), warm_up=1, turn=turn))
    return {"vit_side": VIT_SIDE, "seconds": seconds}


def measure_keras(args: argparse.Namespace) -> dict:
    """The paper's stack against ours: the same graph."""
    from ..paper.timing import alternate
    from .networks import contenders
    from .peers import KerasPeer

    python = args.keras_python or (sys.executable if importlib.util.find_spec("tensorflow") else None)
    if args.device != "cpu" or python is None:
        reason = "on the CPU alone" if python else "no TensorFlow; pip install 'hfskin[benchmark]', or --keras-python"
        return {"absent": reason}
    print("keras", file=sys.stderr)
    paper, seconds = paper_network(args), {}
    with KerasPeer(python, args.threads) as keras:
        for batch in BATCHES:
            ours = contenders(paper, batch, args.device, args.threads)
            runs = {"eager": ours["eager"], "onnx": ours["onnx"], **keras.runs(batch)}
            turn = TURN if batch == 1 else 0.0
            seconds[str(batch)] = rounded(alternate(runs, args.rounds, turn=turn))
    return {**keras.facts, "peak_mb": keras.peak, "seconds": seconds}


def measure_int8(args: argparse.Namespace) -> dict:
    """8-bit integers: time, and what they cost in accuracy."""
    from hfskin.checkpoints.layout import EMBEDDED_CHECKPOINT
    from hfskin.data.ham10000 import load_ham10000
    from hfskin.data.splits import make_split
    from hfskin.export.int8 import export_int8

    from . import int8

    print("int8", file=sys.stderr)
    split = make_split(load_ham10000(args.data), "lesion")
    pictures = list(split.loc[split["split"] == "train", "path"])
    with TemporaryDirectory() as folder:
        file = export_int8(EMBEDDED_CHECKPOINT, pictures, Path(folder, "int8.onnx"))
        result = int8.measure_int8(file, split, BATCHES, args.rounds, args.threads, TURN)
    return {**result, "seconds": {batch: rounded(seconds) for batch, seconds in result["seconds"].items()}}


def measure_training(args: argparse.Namespace) -> dict:
    """Real data against a batch in memory, in a process of its own."""
    from PIL import Image

    from hfskin.data.ham10000 import load_ham10000
    from hfskin.data.splits import make_split

    from . import training_speed
    from .processes import in_process

    print("training", file=sys.stderr)
    table = make_split(load_ham10000(args.data), "all")
    with Image.open(table["path"].iloc[0]) as picture:
        width, height = picture.size
    steps = TRAINING_STEPS[args.device]
    result, peak = in_process(training_speed.measure_training, table, few(args), steps, os.cpu_count())
    return {"pictures": len(table), "width": width, "height": height, **result, "peak_mb": peak}


# What stands in the report by name.
PIECES = {
    "embedded": measure_embedded,
    "pipelines": measure_pipelines,
    "keras": measure_keras,
    "int8": measure_int8,
    "training": measure_training,
}


def few(args: argparse.Namespace) -> int:
    return min(BIG_ROUNDS, args.rounds)


def rounded(seconds: dict[str, list[float]]) -> dict[str, list[float]]:
    """To the microsecond."""
    return {name: [round(value, 6) for value in values] for name, values in seconds.items()}


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

    page.write_text(render(json.loads(results.read_text(encoding="utf-8"))), encoding="utf-8")
    print(f"wrote {page.name}")


if __name__ == "__main__":
    main()
