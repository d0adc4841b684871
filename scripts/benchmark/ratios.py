"""Ratios of paired rounds, and what is asked of them."""

import numpy as np

# (contender, compared with): at most, by batch size. The bounds.
BOUNDS = {("eager", "bare"): {"1": 1.10, "32": 1.10}, ("onnx", "eager"): {"1": 0.35, "32": 0.25}}
TRAINING_BOUND = 1.15  # seconds of a step with real data over those with a batch in memory
INT8_LOSS = 0.005  # of BMA; less is asked


def ratio(times: dict[str, list[float]], contender: str, reference: str) -> tuple[float, float, float]:
    """Median, lower and upper quartile over the rounds of contender / reference."""
    values = np.divide(times[contender], times[reference])
    return float(np.median(values)), *(float(value) for value in np.quantile(values, (0.25, 0.75)))


def missed(times: dict[str, dict[str, list[float]]]) -> list[tuple[str, str, str]]:
    """(contender, reference, batch) of every bound that a row's times, by batch and contender, do not keep."""
    return [
        (contender, reference, batch)
        for (contender, reference), limits in BOUNDS.items()
        for batch, limit in limits.items()
        if contender in times.get(batch, ()) and ratio(times[batch], contender, reference)[0] > limit
    ]


def int8_is_worth_it(measured: dict) -> bool:
    """Whether 8 bits keep their bound: faster at every batch size, and on the unseen pictures the BMA that was measured
    is lower by less than `INT8_LOSS`. (Its interval is wider than that.)"""
    faster = all(ratio(times, "int8", "onnx")[0] < 1 for times in measured["seconds"].values())
    return faster and measured["parts"]["both"]["difference"]["value"] > -INT8_LOSS
