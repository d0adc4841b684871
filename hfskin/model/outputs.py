"""What the models return."""

from dataclasses import dataclass

import torch
from transformers.utils import ModelOutput


@dataclass
class HfskinModelOutput(ModelOutput):
    """What [`HfskinModel`] returns.

    Args:
        last_hidden_state (`torch.FloatTensor` of shape `(batch_size, channels, height, width)`): the backbone's last
            map.
        pooler_output (`torch.FloatTensor` of shape `(batch_size, size)`): what the classifier reads of the picture.
        hidden_states (tuple of `torch.FloatTensor`, *optional*): the backbone's maps of stride 8, of stride 16 and its
            last one, each of shape `(batch_size, channels, height, width)`; where they were asked for.
        attentions (`torch.FloatTensor` of shape `(batch_size, K, height, width)`, *optional*): Soft-Attention's maps,
            each of which sums to 1; absent without the block.
        features (`torch.FloatTensor` of shape `(batch_size, features)`): the three maps of `hidden_states`,
            average-pooled, one after the other; the model's `feature_sizes` says how many of each.
    """

    last_hidden_state: torch.FloatTensor | None = None
    pooler_output: torch.FloatTensor | None = None
    hidden_states: tuple[torch.FloatTensor, ...] | None = None
    attentions: torch.FloatTensor | None = None
    features: torch.FloatTensor | None = None


@dataclass
class HfskinOutput(ModelOutput):
    """What [`HfskinForImageClassification`] returns.

    Args:
        loss (`torch.FloatTensor` of shape `()`, *optional*): where labels were given, the plain loss of the
            configuration's `problem_type`, by default cross-entropy.
        logits (`torch.FloatTensor` of shape `(batch_size, num_labels)`): divided by the checkpoint's temperature, so
            their softmax is calibrated.
        logits_without_age (`torch.FloatTensor` of shape `(batch_size, num_labels)`, *optional*): the same of the same
            patients, were their age unknown; absent while training and where nothing is known of a patient.
        hidden_states, attentions, features: as in [`HfskinModelOutput`]; the first network's, where others answer
            with it.
        in_distribution_score (`torch.FloatTensor` of shape `(batch_size,)`, *optional*): see [`LesionGate`]; absent
            without a gate.
    """

    loss: torch.FloatTensor | None = None
    logits: torch.FloatTensor | None = None
    logits_without_age: torch.FloatTensor | None = None
    hidden_states: tuple[torch.FloatTensor, ...] | None = None
    attentions: torch.FloatTensor | None = None
    features: torch.FloatTensor | None = None
    in_distribution_score: torch.FloatTensor | None = None
