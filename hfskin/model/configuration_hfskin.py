"""The configuration of a checkpoint: its architecture, and what an answer needs besides the weights."""

from typing import Literal

from transformers import PreTrainedConfig

from .labels import CLASSES
from .surroundings import surroundings

# What makes a network, of the fields of [`HfskinConfig`].
ARCHITECTURE = (
    "backbone", "backbone_cut", "backbone_kwargs", "attention_maps", "attention_gamma", "pooling", "metadata_hidden",
    "dropout", "drop_path_rate", "image_size",
)  # fmt: skip


# What calibration sets, for the classes and the weights that it saw.
CALIBRATION = (
    "temperature", "malignant_threshold", "malignant_sensitivity", "conformal_threshold", "conformal_coverage",
    "gate", "gate_threshold", "unusual_threshold",
)  # fmt: skip


class HfskinConfig(PreTrainedConfig):
    """Configuration of [`HfskinForImageClassification`].

    The defaults are the paper's head; `training/recipes.py` holds the settings that train better. `id2label` says what
    each logit is, by default the seven `CLASSES`; loading with another one, or with another `num_labels`, is the start
    of another task, and forgets the calibration.

    Args:
        backbone: a name of `backbones.BACKBONES`.
        backbone_cut: "paper", "full" or, of a vision transformer, "block8"; see `backbones.Backbone`.
        backbone_kwargs: padding and BatchNorm's eps that the backbone's pretrained weights presume; None is the
            table's.
        image_size: height and width of the model's input, in pixels.
        attention_maps: K of Soft-Attention; 0 leaves the block out.
        attention_gamma: start of Soft-Attention's learnable scale.
        pooling: "flatten" (the paper; ties the weights to `image_size`) or "avg".
        metadata_hidden: width of the dense metadata layer, 4096 in the paper; 0 turns the branch off.
        dropout: before the classifier, 0.5 in the paper.
        drop_path_rate: stochastic depth of the backbone while training.
        malignant_labels: the classes whose probabilities make up `malignant_probability`; None is those of them that
            `labels.malignant_classes` knows, which of the seven are `MALIGNANT`.
        partners: the other members of an ensemble, see [`EnsembleMember`]; each the `ARCHITECTURE` of one, which has
            the model's `image_size` where it names none.
        temperature: logits are divided by it (Guo et al. 2017), set by calibration.
        malignant_threshold: a `malignant_probability` at or above it is called suspicious.
        malignant_sensitivity: the sensitivity that the threshold was chosen for, on validation data.
        conformal_threshold: a class belongs to the prediction set if its probability is at least this.
        conformal_coverage: the marginal coverage that the set was built for.
        gate: whether the checkpoint has one, see [`LesionGate`].
        gate_threshold: an in-distribution score below it is refused.
        unusual_threshold: an answer at a score below it is called unusual; None where that says nothing about errors.
    """

    model_type = "hfskin"
    _auto_class = "AutoConfig"  # save_pretrained then copies the code of this folder, for trust_remote_code
    # Trainer gathers logits alone.
    keys_to_ignore_at_inference = ["hidden_states", "attentions", "features", "in_distribution_score"]

    backbone: str = "efficientnet_lite0"
    backbone_cut: Literal["paper", "full", "block8"] = "paper"
    backbone_kwargs: dict | None = None
    image_size: list[int] | tuple[int, ...] = (144, 192)
    attention_maps: int = 16
    attention_gamma: float = 0.01
    pooling: Literal["flatten", "avg"] = "flatten"
    metadata_hidden: int = 4096
    dropout: float = 0.5
    drop_path_rate: float = 0.0
    partners: list[dict] | tuple[dict, ...] = ()

    malignant_labels: list[str] | tuple[str, ...] | None = None
    temperature: float = 1.0
    malignant_threshold: float | None = None
    malignant_sensitivity: float | None = None
    conformal_threshold: float | None = None
    conformal_coverage: float | None = None
    gate: bool = False
    gate_threshold: float | None = None
    unusual_threshold: float | None = None

    def __post_init__(self, **kwargs):
        kwargs.setdefault("output_attentions", True)  # they are computed anyway
        is_given = self.id2label is not None  # type: ignore[has-type]  # transformers' own field
        if not is_given and kwargs.get("num_labels") in (None, len(CLASSES)):
            self.id2label = dict(enumerate(CLASSES))
        self.image_size, self.partners = list(self.image_size), list(self.partners)
        kwargs.pop("gate_components", None)  # of a kind of gate that is no more; its threshold means nothing now
        if not self.gate:
            self.gate_threshold = self.unusual_threshold = None
        super().__post_init__(**kwargs)
        self._invert_labels()

    @classmethod
    def from_dict(cls, config_dict: dict, **kwargs):
        """As in transformers; with other labels than the dictionary's the calibration is forgotten."""
        labels = cls(id2label=config_dict.get("id2label")).id2label
        result = super().from_dict(config_dict, **kwargs)
        config = result[0] if isinstance(result, tuple) else result
        config.id2label = {int(index): label for index, label in config.id2label.items()}
        config._invert_labels()
        if config.id2label != labels:
            config.forget_calibration()
            config.malignant_labels = kwargs.get("malignant_labels")
        return result

    def to_diff_dict(self) -> dict:
        """As in transformers, with the labels even where they are its own default, LABEL_0 and LABEL_1."""
        return super().to_diff_dict() | {"id2label": self.id2label, "label2id": self.label2id}

    def forget_calibration(self) -> None:
        """Set the fields of `CALIBRATION` to what they are without any; the model then has no gate."""
        for name in CALIBRATION:
            setattr(self, name, getattr(type(self), name))

    def of_member(self, architecture: dict) -> "HfskinConfig":
        """The configuration of an ensemble member, for the same classes."""
        return type(self)(**{"image_size": self.image_size} | architecture, id2label=self.id2label)

    def _invert_labels(self) -> None:
        self.label2id = {label: index for index, label in self.id2label.items()}

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, **kwargs) -> "HfskinConfig":
        """As in transformers."""
        with surroundings.hub_errors(pretrained_model_name_or_path, kwargs.get("revision")):
            return super().from_pretrained(pretrained_model_name_or_path, **kwargs)
