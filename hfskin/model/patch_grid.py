"""A vision transformer as a backbone: its patches laid out as a feature map."""

import timm
import torch
from timm.layers import resample_abs_pos_embed
from torch import nn

EARLY_BLOCKS = (2, 5)  # those whose patches stand for the maps of stride 8 and 16 of a convolutional network


class PatchGrid(nn.Module):
    """The first blocks of timm's vision transformer, from (B, 3, H, W) to a map (B, C, H / patch, W / patch).

    DINOv2's patches carry position and content alike through all blocks, so a map of them can be attended and pooled as
    a convolutional one is. Position embeddings are kept for the one grid of `image_size`; weights that were made for
    another grid are resampled by [`load_timm`].

    Args:
        timm_id: of a timm `VisionTransformer` without a layout of its own ("vit_small_patch14_dinov2").
        depth: blocks that are kept, six at least; what lies behind them is removed.
        image_size: height and width of the pictures, in pixels, multiples of the patch size.
        drop_path_rate: stochastic depth while training.

    Raises:
        ValueError: the sides are not multiples of the patch size.
    """

    def __init__(self, timm_id: str, depth: int, image_size: tuple[int, int], drop_path_rate: float = 0.0):
        super().__init__()
        vit = timm.create_model(timm_id, img_size=tuple(image_size), num_classes=0, drop_path_rate=drop_path_rate)
        self.patch_embed, self.cls_token, self.pos_embed = vit.patch_embed, vit.cls_token, vit.pos_embed
        (patch, _), channels = vit.patch_embed.patch_size, vit.embed_dim
        if any(side % patch for side in image_size):
            raise ValueError(f"image_size {list(image_size)} does not divide into patches of {patch} pixels")
        self.blocks = vit.blocks[:depth]
        self.norm = vit.norm
        for number in EARLY_BLOCKS:  # inside the block, so that modules stand in the order of the forward pass
            self.blocks[number].map = nn.Identity()
        # As timm describes its networks: where the last map of a stride comes out.
        self.feature_info = [
            {"num_chs": channels, "reduction": stride, "module": f"blocks.{number}.map"}
            for stride, number in zip((8, 16), EARLY_BLOCKS, strict=True)
        ]

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return self.patch_embed.grid_size

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) -> (B, C, rows, columns)."""
        positions = self.pos_embed
        patches = self.patch_embed(x) + positions[:, 1:]
        tokens = torch.cat([(self.cls_token + positions[:, :1]).expand(x.shape[0], -1, -1), patches], dim=1)
        for number, block in enumerate(self.blocks):
            tokens = block(tokens)
            if number in EARLY_BLOCKS:
                block.map(_as_map(tokens, self.grid))
        return _as_map(self.norm(tokens), self.grid)

    def load_timm(self, state: dict[str, torch.Tensor], grid: tuple[int, int] | None = None) -> None:
        """Take timm's weights: position embeddings for this grid, and the final norm only behind the same block.

        Args:
            grid: rows and columns of the weights' own position embeddings; a square if left out.

        Raises:
            ValueError: a weight is missing or of another shape.
        """
        wanted = self.state_dict()
        if "pos_embed" in state and grid != self.grid:
            old = None if grid is None else list(grid)
            positions = resample_abs_pos_embed(state["pos_embed"].float(), list(self.grid), old, num_prefix_tokens=1)
            state = {**state, "pos_embed": positions}
        if f"blocks.{len(self.blocks)}.norm1.weight" in state:  # the norm was learnt for what comes later
            state = {**state, "norm.weight": wanted["norm.weight"], "norm.bias": wanted["norm.bias"]}
        for name, tensor in wanted.items():
            if name not in state or state[name].shape != tensor.shape:
                raise ValueError(f"the weights do not fit this backbone: {name!r} is missing or of another shape")
        self.load_state_dict({name: state[name].float() for name in wanted})


def _as_map(tokens: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
    return tokens[:, 1:].transpose(1, 2).unflatten(2, grid)
