"""The metadata branch of Gessert et al. 2020: two layers of 256 with batch norm, ReLU and dropout."""

import torch
from torch import nn

from hfskin.model.labels import SEXES, SITES
from hfskin.model.metadata import METADATA_SIZE, encode_metadata

WIDTH, DROPOUT, MISSING = 256, 0.4, 0.1
_FIELDS = (1, len(SEXES), len(SITES))  # columns of age, sex and site


class MetadataNetwork(nn.Sequential):
    """(B, 19) -> (B, 256). While training each of the three fields is missing with probability 0.1, on its own."""

    def __init__(self, missing: float = MISSING):
        layers = []
        for size in (METADATA_SIZE, WIDTH):
            layers += [nn.Linear(size, WIDTH), nn.BatchNorm1d(WIDTH), nn.ReLU(), nn.Dropout(DROPOUT)]
        super().__init__(*layers)
        self.missing = missing
        self.register_buffer("unknown", torch.from_numpy(encode_metadata()), persistent=False)

    def forward(self, metadata: torch.Tensor) -> torch.Tensor:
        return super().forward(self.hide(metadata) if self.training else metadata)

    def hide(self, metadata: torch.Tensor) -> torch.Tensor:
        """Some fields as they are encoded where nobody knows them."""
        hidden = torch.rand(len(metadata), len(_FIELDS), device=metadata.device) < self.missing
        columns = hidden.repeat_interleave(torch.tensor(_FIELDS, device=metadata.device), dim=1)
        return torch.where(columns, self.unknown, metadata)
