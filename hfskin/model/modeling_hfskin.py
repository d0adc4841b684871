# ruff: noqa: E402  (torchvision must be made importable first)
"""The model: backbone, Soft-Attention, metadata branch, classifier (paper, Figures 5 to 7)."""

import copy

import torch
from torch import nn

from .torchvision_import import import_torchvision

import_torchvision()
from transformers import PreTrainedModel, initialization
from transformers.utils import can_return_tuple

from .backbone_table import backbone_spec
from .backbones import create_backbone, map_size, pretrained_weights
from .configuration_hfskin import HfskinConfig
from .early_maps import keep_early_maps, kept
from .ensemble import EnsembleMember
from .gate import LesionGate
from .metadata import METADATA_SIZE, encode_metadata
from .outputs import HfskinModelOutput, HfskinOutput
from .soft_attention import SoftAttention
from .surroundings import surroundings


class HfskinPreTrainedModel(PreTrainedModel):
    """What both models share: how they are loaded, and what a weight is that a checkpoint lacks."""

    config_class = HfskinConfig
    base_model_prefix = "image_model"
    main_input_name = "pixel_values"
    input_modalities = ("image",)
    accepts_loss_kwargs = False  # otherwise Trainer hands num_items_in_batch to forward
    model_tags = ["hfskin", "dermatology", "skin-lesion"]
    # Of a checkpoint whose calibration is forgotten, and, for the image path alone, what stands behind it.
    _keys_to_ignore_on_load_unexpected = [r"^gate\."]

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, *args, **kwargs):
        """As in transformers, from safetensors alone: a pickled checkpoint can run code."""
        with surroundings.hub_errors(pretrained_model_name_or_path, kwargs.get("revision")):
            kwargs["use_safetensors"] = True
            return super().from_pretrained(pretrained_model_name_or_path, *args, **kwargs)

    def save_pretrained(self, save_directory, **kwargs) -> None:
        """As in transformers; whichever class is saved, both can be loaded with the code that goes along."""
        module = __name__.rpartition(".")[2]
        classes = {
            kind._auto_class: f"{module}.{kind.__name__}" for kind in (HfskinModel, HfskinForImageClassification)
        }
        self.config.auto_map = (getattr(self.config, "auto_map", None) or {}) | classes
        super().save_pretrained(save_directory, **kwargs)

    def _initialize_weights(self, module: nn.Module, is_custom_code: bool = False) -> None:
        # Of a stranger's code transformers passes over what has no weights of its own, such as a HfskinModel.
        super()._initialize_weights(module, is_custom_code=False)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Draw what comes from no checkpoint as a new model has it; transformers guards what was loaded."""
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)
        elif isinstance(module, HfskinModel | SoftAttention | LesionGate | EnsembleMember):
            module.reset_parameters()


class HfskinModel(HfskinPreTrainedModel):
    """The image path: backbone -> two max-pooled paths, t and f_sa -> concatenation -> ReLU -> pooling -> dropout.

    Paper, section 2.2.2 and Figure 4. Max pooling is 2x2 with stride 2 and keeps odd borders, as Keras' "same" does;
    dropout before or after the paper's flatten is the same.
    """

    _auto_class = "AutoModel"  # see HfskinConfig
    _keys_to_ignore_on_load_unexpected = [r"^(gate|partners|classifier|metadata_branch)\."]

    def __init__(self, config: HfskinConfig):
        super().__init__(config)
        self.channels = backbone_spec(config.backbone).channels[config.backbone_cut]
        self.backbone = self.new_backbone()
        self.feature_sizes = [*keep_early_maps(self.backbone), self.channels]
        self.attention = None
        if config.attention_maps:
            self.attention = SoftAttention(self.channels, config.attention_maps, config.attention_gamma)
        self.max_pool = nn.MaxPool2d(2, ceil_mode=True)
        self.dropout = nn.Dropout(config.dropout)
        self.pooling = config.pooling
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        pixel_values: torch.Tensor,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        **kwargs,
    ) -> HfskinModelOutput | tuple:
        """
        Args:
            pixel_values (`torch.FloatTensor` of shape `(batch_size, 3, height, width)`): from [`HfskinImageProcessor`].
            output_attentions (`bool`, *optional*): default the configuration's, which is true.
            output_hidden_states (`bool`, *optional*): default the configuration's, which is false.
        """
        kept.maps = hidden_states = []
        try:
            t = self.backbone.forward_features(pixel_values.to(self.dtype))
        finally:
            kept.maps = None
        t = t.contiguous(memory_format=torch.channels_last)  # max pooling on a CPU is then five times as fast
        paths, maps = [self.max_pool(t)], None
        if self.attention is not None:
            attended, maps = self.attention(t)
            paths.append(self.max_pool(attended))
        x = torch.relu(torch.cat(paths, dim=1))
        x = x.mean(dim=(2, 3)) if self.pooling == "avg" else x.flatten(1)
        hidden_states.append(t)
        told = tuple(hidden_states) if _wanted(output_hidden_states, self.config.output_hidden_states) else None
        return HfskinModelOutput(
            last_hidden_state=t,
            pooler_output=self.dropout(x),
            hidden_states=told,
            attentions=maps if _wanted(output_attentions, self.config.output_attentions) else None,
            features=torch.cat([each.mean(dim=(2, 3)) for each in hidden_states], dim=1),
        )

    def reset_parameters(self) -> None:
        """The backbone as timm draws it."""
        mine = dict(self.backbone.named_parameters()) | dict(self.backbone.named_buffers())
        if all(getattr(tensor, "_is_hf_initialized", False) for tensor in mine.values()):
            return
        new = self.new_backbone()
        for name, tensor in [*new.named_parameters(), *new.named_buffers()]:
            initialization.copy_(mine[name], tensor)

    def new_backbone(self, weights: str | None = None) -> nn.Module:
        """Another backbone of this architecture; weights as for `create_backbone`."""
        config = self.config
        height, width = config.image_size
        return create_backbone(
            config.backbone,
            config.backbone_cut,
            config.drop_path_rate,
            weights,
            config.backbone_kwargs,
            (height, width),
        )


def _without_age(metadata: torch.Tensor) -> torch.Tensor:
    """As `metadata.without_age`, in what `torch.export` can follow."""
    return torch.cat([torch.zeros_like(metadata[:, :1]), metadata[:, 1:]], dim=1)


def _wanted(asked: bool | None, default: bool) -> bool:
    return default if asked is None else asked


class HfskinForImageClassification(HfskinPreTrainedModel):
    """Skin-lesion classifier of dermatoscopic pictures, optionally with age, sex and site (paper, Figures 5 to 7).

    Use `from_pretrained` for a checkpoint and `from_backbone` for a new model on a pretrained backbone.
    """

    _auto_class = "AutoModelForImageClassification"

    def __init__(self, config: HfskinConfig):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.image_model = HfskinModel(config)
        self.metadata_branch = None
        if config.metadata_hidden:
            self.metadata_branch = nn.Sequential(nn.Linear(METADATA_SIZE, config.metadata_hidden), nn.ReLU())
        self.classifier = nn.Linear(self._feature_size() + config.metadata_hidden, config.num_labels)
        self.gate = None
        if config.gate:
            self.gate = LesionGate(sum(self.image_model.feature_sizes))
        # The other members of an ensemble. The name is in the weights' names, and stays.
        networks = (HfskinForImageClassification(config.of_member(member)) for member in config.partners)
        self.partners = nn.ModuleList(map(EnsembleMember, networks))
        self.post_init()

    @classmethod
    def from_backbone(cls, config: HfskinConfig, weights: str = "timm") -> "HfskinForImageClassification":
        """A new model whose backbone is pretrained: weights are "timm" (its Hub) or a safetensors file.

        The weights decide over the backbone's padding and BatchNorm eps: `config.backbone_kwargs` is set.
        """
        config.backbone_kwargs = pretrained_weights(config.backbone, weights).timm_kwargs
        model = cls(config)
        model.image_model.backbone.load_state_dict(model.image_model.new_backbone(weights).state_dict())
        return model

    def push_to_hub(self, repo_id: str, **kwargs):
        """Where hfskin is installed, `hfskin.hub.push_model`: processor, metrics and card go along with the model."""
        if surroundings.push_model is None:
            return super().push_to_hub(repo_id, **kwargs)
        return surroundings.push_model(self, repo_id, **kwargs)

    @can_return_tuple
    def forward(
        self,
        pixel_values: torch.Tensor,
        metadata: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        **kwargs,
    ) -> HfskinOutput | tuple:
        """
        Args:
            pixel_values, output_attentions, output_hidden_states: as in [`HfskinModel`].
            metadata (`torch.FloatTensor` of shape `(batch_size, 19)`, *optional*): from `encode_metadata`; without it
                every patient counts as unknown.
            labels (`torch.LongTensor` of shape `(batch_size,)`, *optional*): class indices, as in the configuration's
                `id2label`; of another `problem_type` as transformers has them.
        """
        image = self.image_model(pixel_values, output_attentions, output_hidden_states, return_dict=True)
        patients = [metadata] if metadata is None or self.training else [metadata, _without_age(metadata)]
        answers = self.classify(pixel_values, image.pooler_output, patients)
        logits, *ageless = (answer / self.config.temperature for answer in answers)
        # The loss writes what it takes the problem for into the configuration that it is given.
        loss = None if labels is None else self.loss_function(labels, logits, copy.copy(self.config))
        return HfskinOutput(
            loss=loss,
            logits=logits,
            logits_without_age=ageless[0] if ageless else None,
            hidden_states=image.hidden_states,
            attentions=image.attentions,
            features=image.features,
            in_distribution_score=None if self.gate is None or self.training else self.gate(image.features),
        )

    def classify(
        self, pixel_values: torch.Tensor, features: torch.Tensor, patients: list[torch.Tensor | None]
    ) -> list[torch.Tensor]:
        """What all networks say of a picture for each of several patients: the mean of their logits (B, num_labels).

        Args:
            pixel_values: (B, 3, H, W), for the other members.
            features: this network's `pooler_output`.
            patients: metadata (B, 19) each; of None nothing is known.
        """
        answers = [self._head(features, patient) for patient in patients]
        if not self.partners:
            return answers
        others = (member(pixel_values, patients) for member in self.partners)
        return [torch.stack(together).mean(dim=0) for together in zip(answers, *others, strict=True)]

    def _head(self, features: torch.Tensor, patient: torch.Tensor | None) -> torch.Tensor:
        if self.metadata_branch is not None:
            if patient is None:
                patient = torch.from_numpy(encode_metadata()).to(features).expand(features.shape[0], -1)
            features = torch.cat([features, self.metadata_branch(patient.to(features.dtype))], dim=1)
        return self.classifier(features)

    def networks(self) -> list["HfskinForImageClassification"]:
        """The ensemble's: this one, and those of its other members."""
        return [self, *(member.network for member in self.partners)]

    def _feature_size(self) -> int:
        """D of the image path; found by arithmetic, since a forward pass is not possible on the meta device."""
        paths = 2 if self.config.attention_maps else 1
        if self.config.pooling == "avg":
            return paths * self.image_model.channels
        height, width = map_size(self.config.backbone, self.config.backbone_cut, self.config.image_size)
        return paths * self.image_model.channels * -(-height // 2) * -(-width // 2)
