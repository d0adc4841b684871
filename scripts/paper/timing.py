"""How time is measured, and that of every backbone in one run (the paper's Table 9)."""

import os
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from tqdm.auto import tqdm

from hfskin.model.backbone_table import backbone_spec
from hfskin.model.configuration_hfskin import HfskinConfig
from hfskin.model.modeling_hfskin import HfskinForImageClassification

from .complexity import complexity

REFERENCE = "mobilenet_v3_large"  # of the ratios
BATCH_SIZES = (1, 32)
WARM_UP, ROUNDS = 2, 5
PAUSE = 0.2  # seconds; the threads of the contender before go on spinning for a while, ONNX Runtime's above 0.02 s


def alternate(
    contenders: dict[str, Callable[[], object]], rounds: int, warm_up: int = WARM_UP, turn: float = 0.0
) -> dict[str, list[float]]:
    """Seconds of a call of each contender, by round. They take turns, so that what else the machine does hits all
    alike, and the ratio of two is that of the same round.

    Args:
        contenders: calls that return when the work is done (a GPU's too). Every round begins with another one.
        warm_up: rounds before, which do not count.
        turn: a contender is called again until this many seconds have passed, and the mean counts.
    """
    names = list(contenders)
    seconds = {name: [] for name in names}
    for number in range(warm_up + rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            seconds[name].append(_mean_seconds(contenders[name], turn))
    return {name: values[warm_up:] for name, values in seconds.items()}


def _mean_seconds(run: Callable[[], object], turn: float) -> float:
    time.sleep(PAUSE)
    calls, started = 0, time.perf_counter()
    while True:
        run()
        calls += 1
        passed = time.perf_counter() - started
        if passed >= turn:
            return passed / calls


def time_backbones(names: list[str], device: str, cut: str = "paper") -> dict:
    """Milliseconds per picture of whole models with the paper's head, each at its backbone's own input size, float32.

    The weights are random: they do not change the time. Every backbone is measured `ROUNDS` times after a warm-up, and
    the median counts.

    Args:
        names: of `BACKBONES`; `REFERENCE` is added where it is missing.
        device: "cpu" or "cuda".

    Returns:
        device, threads, torch and backbones: by name input_size, parameters (as Keras counts the published network's),
        layers, ms_per_picture and ratio (to `REFERENCE`), the latter two by batch size.
    """
    rows = {}
    for name in tqdm(dict.fromkeys([REFERENCE, *names]), "time"):
        counts = complexity(name, cut)
        rows[name] = {
            "input_size": counts["input_size"],
            "parameters": counts["keras_parameters"],
            "layers": counts["layers"],
            "ms_per_picture": _milliseconds(name, device, cut),
        }
    reference = rows[REFERENCE]["ms_per_picture"]
    for row in rows.values():
        row["ratio"] = {batch: round(ms / reference[batch], 3) for batch, ms in row["ms_per_picture"].items()}
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else f"CPU, {os.cpu_count()} cores",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "cut": cut,
        "backbones": rows,
    }


@torch.inference_mode()
def _milliseconds(name: str, device: str, cut: str) -> dict[str, float]:
    side = backbone_spec(name).input_size
    config = HfskinConfig(backbone=name, backbone_cut=cut, image_size=(side, side))
    model = HfskinForImageClassification(config).eval().to(device)
    result = {}
    for batch in BATCH_SIZES:
        pixels = torch.rand(batch, 3, side, side, device=device)
        seconds = alternate({name: partial(_answer, model, pixels)}, ROUNDS)[name]
        result[str(batch)] = round(1000 * statistics.median(seconds) / batch, 4)
    return result


def _answer(model, pixels: torch.Tensor) -> torch.Tensor:
    return model(pixels).logits.cpu()  # waits for the GPU
