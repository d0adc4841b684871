"""Classical classifiers on a network's features: Random Forest, support vectors, XGBoost (Garg et al. 2019)."""

from importlib.util import find_spec

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC


def random_forest(seed: int):
    return RandomForestClassifier(200, class_weight="balanced_subsample", random_state=seed)


def support_vectors(seed: int):
    """Radial kernel; its probabilities would cost five more fits, so the one-against-rest values stand as logits."""
    return make_pipeline(StandardScaler(), SVC(class_weight="balanced", decision_function_shape="ovr"))


def xgboost(seed: int):
    """Trees of depth 4; the extra `related-work` has it.

    Raises:
        ImportError: it is not installed.
    """
    if find_spec("xgboost") is None:
        raise ImportError("xgboost is not installed: pip install 'hfskin[related-work]'")
    from xgboost import XGBClassifier

    return XGBClassifier(n_estimators=200, max_depth=4, learning_rate=0.1, subsample=0.8, random_state=seed)


def logits(classifier, x: np.ndarray) -> np.ndarray:
    """(n, D) -> (n, 7): decision values, or the logarithm of the probabilities, which a temperature can calibrate."""
    if hasattr(classifier, "decision_function"):
        return classifier.decision_function(x)
    return np.log(classifier.predict_proba(x).clip(1e-3))
