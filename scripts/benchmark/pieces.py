"""What the benchmark measures, a piece a function: each gives what stands in the report by its name."""

import argparse
import importlib.util
import itertools
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "tests" / "data" / "images"
BATCHES = (1, 32)
TURN = 0.04  # seconds that a contender has at batch 1, in which a small network answers several times
BIG_ROUNDS = 3  # of a big network, a pipeline and the training; never more than --rounds
TRAINING_STEPS = {"cpu": 6, "cuda": 60}  # timed in a round


def paper_network(args: argparse.Namespace):
    """The network that the Keras stack has too."""
    from .networks import PAPER_HEAD, prepare

    return prepare("mobilenet_v3_large", args.graphs, **PAPER_HEAD)


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
