"""The model: backbone, Soft-Attention, metadata branch, classifier (paper, Figures 5 to 7)."""

from contextvars import ContextVar
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.utils import ModelOutput

from .backbones import backbone_spec, create_backbone, early_maps, map_size, pretrained_weights
from .configuration_hfskin import HfskinConfig
from .gate import LesionGate
from .metadata import METADATA_SIZE, encode_metadata
from .soft_attention import SoftAttention
from .surroundings import surroundings


@dataclass
class HfskinOutput(ModelOutput):
    """What the model returns.

    Args:
        loss (`torch.FloatTensor` of shape `(1,)`, *optional*): plain cross-entropy, where labels were given.
        logits (`torch.FloatTensor` of shape `(batch_size, 7)`): divided by the checkpoint's temperature, so their
            softmax is calibrated.
        attentions (`torch.FloatTensor` of shape `(batch_size, K, height, width)`, *optional*): Soft-Attention's maps,
            each of which sums to 1; absent without the block. These and what follows are the first network's, where
            others answer with it.
        features (`torch.FloatTensor` of shape `(batch_size, features)`): the backbone's maps of stride 8, of stride 16
            and its last one, average-pooled, one after the other; `image_model.feature_sizes` says how many of each.
        in_distribution_score (`torch.FloatTensor` of shape `(batch_size,)`, *optional*): see [`LesionGate`]; absent
            without a gate.
    """

    loss: torch.FloatTensor | None = None
    logits: torch.FloatTensor | None = None
    attentions: torch.FloatTensor | None = None
    features: torch.FloatTensor | None = None
    in_distribution_score: torch.FloatTensor | None = None


# Of the forward pass that runs in this thread: the pooled earlier maps.
_early: ContextVar[list[torch.Tensor] | None] = ContextVar("early", default=None)


def _keep_pooled(module: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
    if (kept := _early.get()) is not None:
        kept.append(output.mean(dim=(2, 3)))


class HfskinModel(nn.Module):
    """The image path: backbone -> two max-pooled paths, t and f_sa -> concatenation -> ReLU -> pooling -> dropout.

    Paper, section 2.2.2 and Figure 4. Max pooling is 2x2 with stride 2 and keeps odd borders, as Keras' "same" does;
    dropout before or after the paper's flatten is the same.
    """

    def __init__(self, config: HfskinConfig):
        super().__init__()
        self.channels = backbone_spec(config.backbone).channels[config.backbone_cut]
        self.backbone = create_backbone(
            config.backbone,
            config.backbone_cut,
            config.drop_path_rate,
            timm_kwargs=config.backbone_kwargs,
            image_size=tuple(config.image_size),
        )
        earlier = early_maps(self.backbone)
        for name, _ in earlier:
            self.backbone.get_submodule(name).register_forward_hook(_keep_pooled)
        self.feature_sizes = [*(channels for _, channels in earlier), self.channels]
        self.attention = None
        if config.attention_maps:
            self.attention = SoftAttention(self.channels, config.attention_maps, config.attention_gamma)
        self.max_pool = nn.MaxPool2d(2, ceil_mode=True)
        self.dropout = nn.Dropout(config.dropout)
        self.pooling = config.pooling

    def forward(self, pixel_values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """(B, 3, H, W) -> pooled (B, D), features (B, F), maps (B, K, h, w) or None."""
        pooled: list[torch.Tensor] = []
        token = _early.set(pooled)
        try:
            t = self.backbone.forward_features(pixel_values)
        finally:
            _early.reset(token)
        t = t.contiguous(memory_format=torch.channels_last)  # max pooling on a CPU is then five times as fast
        paths, maps = [self.max_pool(t)], None
        if self.attention is not None:
            attended, maps = self.attention(t)
            paths.append(self.max_pool(attended))
        x = torch.relu(torch.cat(paths, dim=1))
        x = x.mean(dim=(2, 3)) if self.pooling == "avg" else x.flatten(1)
        return self.dropout(x), torch.cat([*pooled, t.mean(dim=(2, 3))], dim=1), maps


class HfskinForImageClassification(PreTrainedModel):
    """Skin-lesion classifier of dermatoscopic pictures, optionally with age, sex and site (paper, Figures 5 to 7).

    Use `from_pretrained` for a checkpoint and `from_backbone` for a new model on a pretrained backbone.
    """

    config_class = HfskinConfig
    _auto_class = "AutoModelForImageClassification"  # see HfskinConfig
    base_model_prefix = "image_model"
    main_input_name = "pixel_values"
    input_modalities = ("image",)
    accepts_loss_kwargs = False  # otherwise Trainer hands num_items_in_batch to forward
    model_tags = ["hfskin", "dermatology", "skin-lesion"]

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
        self.partners = nn.ModuleList(
            Partner(HfskinConfig(**{"image_size": config.image_size} | partner)) for partner in config.partners
        )
        self.post_init()

    @classmethod
    def from_backbone(cls, config: HfskinConfig, weights: str = "timm") -> "HfskinForImageClassification":
        """A new model whose backbone is pretrained: weights are "timm" (its Hub) or a safetensors file.

        The weights decide over the backbone's padding and BatchNorm eps: `config.backbone_kwargs` is set.
        """
        config.backbone_kwargs = pretrained_weights(config.backbone, weights).timm_kwargs
        model = cls(config)
        args = config.backbone, config.backbone_cut, config.drop_path_rate
        size = tuple(config.image_size)
        backbone = create_backbone(*args, weights=weights, image_size=size)
        model.image_model.backbone.load_state_dict(backbone.state_dict())
        return model

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, *args, **kwargs):
        """As in transformers, from safetensors alone: a pickled checkpoint can run code."""
        with surroundings.hub_errors(pretrained_model_name_or_path, kwargs.get("revision")):
            kwargs["use_safetensors"] = True
            return super().from_pretrained(pretrained_model_name_or_path, *args, **kwargs)

    def push_to_hub(self, repo_id: str, **kwargs):
        """Where hfskin is installed, `hfskin.hub.push_model`: processor, metrics and card go along with the model."""
        if surroundings.push_model is None:
            return super().push_to_hub(repo_id, **kwargs)
        return surroundings.push_model(self, repo_id, **kwargs)

    def forward(
        self,
        pixel_values: torch.Tensor,
        metadata: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        return_dict: bool | None = None,
        **kwargs,
    ) -> HfskinOutput | tuple:
        """
        Args:
            pixel_values (`torch.FloatTensor` of shape `(batch_size, 3, height, width)`): from [`HfskinImageProcessor`].
            metadata (`torch.FloatTensor` of shape `(batch_size, 19)`, *optional*): from `encode_metadata`; without it
                every patient counts as unknown.
            labels (`torch.LongTensor` of shape `(batch_size,)`, *optional*): class indices in the order of `CLASSES`.
        """
        features, pooled, maps = self.image_model(pixel_values)
        if self.metadata_branch is not None:
            if metadata is None:
                metadata = torch.from_numpy(encode_metadata()).to(features).expand(len(features), -1)
            features = torch.cat([features, self.metadata_branch(metadata.to(features.dtype))], dim=1)
        logits = self.classifier(features)
        if self.partners:
            together = [logits, *(partner(pixel_values, metadata) for partner in self.partners)]
            logits = torch.stack(together).mean(dim=0)
        logits = logits / self.config.temperature
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        score = None if self.gate is None or self.training else self.gate(pooled)
        output = HfskinOutput(loss=loss, logits=logits, attentions=maps, features=pooled, in_distribution_score=score)
        return output if return_dict is not False else output.to_tuple()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Initialise the head alone: the backbone's weights come from timm or a checkpoint."""
        head = (self.classifier, *(self.metadata_branch or ()))
        if isinstance(module, nn.Linear) and any(module is part for part in head):
            nn.init.trunc_normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)

    def networks(self) -> list["HfskinForImageClassification"]:
        """This network and its partners'."""
        return [self, *(partner.network for partner in self.partners)]

    def _feature_size(self) -> int:
        """D of the image path; found by arithmetic, since a forward pass is not possible on the meta device."""
        paths = 2 if self.config.attention_maps else 1
        if self.config.pooling == "avg":
            return paths * self.image_model.channels
        height, width = map_size(self.config.backbone, self.config.backbone_cut, self.config.image_size)
        return paths * self.image_model.channels * -(-height // 2) * -(-width // 2)


class Partner(nn.Module):
    """Another network that answers with a model: an ensemble (Lakshminarayanan et al. 2017), whose logits are averaged.

    Args:
        config: of the network. Its pixels are the model's times `scale` plus `shift`, a number per channel, since each
            backbone has a mean and std of its own; they are resized to its own `image_size`.
    """

    def __init__(self, config: HfskinConfig):
        super().__init__()
        self.network = HfskinForImageClassification(config)
        self.register_buffer("scale", torch.ones(3, 1, 1))
        self.register_buffer("shift", torch.zeros(3, 1, 1))

    def forward(self, pixel_values: torch.Tensor, metadata: torch.Tensor | None) -> torch.Tensor:
        """(B, 3, H, W) and (B, 19) as the model's -> its own logits (B, 7)."""
        pixel_values, size = pixel_values * self.scale + self.shift, tuple(self.network.config.image_size)
        if tuple(pixel_values.shape[2:]) != size:
            pixel_values = nn.functional.interpolate(pixel_values, size=size, mode="bilinear", antialias=True)
        return self.network(pixel_values, metadata).logits
