"""95 % intervals by resampling lesions, not pictures: the pictures of one lesion are not independent."""

import numpy as np

RESAMPLES = 1000
CONFIDENCE = 0.95


class LesionBootstrap:
    """How often every lesion counts in every resample.

    A statistic is computed for all resamples at once. Row 0 is the data as they are (every lesion once), so that value
    and interval come from the same formula.

    Args:
        lesion_ids: (N,), one a picture.
        resamples: R.
        seed: the same seed gives the same intervals.
    """

    def __init__(self, lesion_ids: np.ndarray, resamples: int = RESAMPLES, seed: int = 0):
        _, self.lesion_of = np.unique(lesion_ids, return_inverse=True)
        self.n_lesions = n = int(self.lesion_of.max()) + 1
        drawn = np.random.default_rng(seed).integers(n, size=(resamples, n)) + n * np.arange(resamples)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=resamples * n).reshape(resamples, n)
        self.counts = np.concatenate([np.ones((1, n)), counts])

    def totals(self, values: np.ndarray) -> np.ndarray:
        """Sums over the pictures, weighted by how often each counts: (N, ...) -> (R + 1, ...)."""
        by_lesion = np.zeros((self.n_lesions, *values.shape[1:]))
        np.add.at(by_lesion, self.lesion_of, values)
        return np.tensordot(self.counts, by_lesion, axes=1)

    def means(self, values: np.ndarray) -> np.ndarray:
        """Means over the pictures: (N, ...) -> (R + 1, ...); NaN in a resample without any picture."""
        totals, n = self.totals(values), self.totals(np.ones(len(values)))
        return totals / n.reshape(-1, *[1] * (totals.ndim - 1))

    def weights(self, rows: slice) -> np.ndarray:
        """How often every picture counts in some of the resamples: (r, N)."""
        return self.counts[rows][:, self.lesion_of]


def interval(statistic: np.ndarray) -> dict[str, float | None]:
    """A statistic of shape (R + 1,), row 0 from the data -> its value and the 95 % percentile interval.

    All three are None where the data give no value; resamples that give none are left out of the interval.
    """
    value, resampled = statistic[0], statistic[1:][~np.isnan(statistic[1:])]
    if np.isnan(value):
        return {"value": None, "low": None, "high": None}
    if not len(resampled):
        return {"value": float(value), "low": None, "high": None}
    low, high = np.quantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return {"value": float(value), "low": float(low), "high": float(high)}


def interval_of_error(statistic: np.ndarray) -> dict[str, float | None]:
    """As [`interval`], for a sum of absolute values, which chance alone makes greater: the fewer pictures, the more.

    Resampling does so once more, so that a percentile interval lies too high and may leave the value out. The basic
    bootstrap interval (Davison and Hinkley 1997, section 5.2) takes that off again; it is cut at 0 and widened to the
    value, which errs upwards.
    """
    found = interval(statistic)
    value, low, high = found["value"], found["low"], found["high"]
    if value is None or low is None or high is None:
        return found
    return {"value": value, "low": max(0.0, 2 * value - high), "high": max(value, 2 * value - low)}
