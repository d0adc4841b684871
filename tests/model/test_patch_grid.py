import pytest
import torch
from timm.layers import resample_abs_pos_embed

from hfskin.model.patch_grid import PatchGrid

VIT = "vit_small_patch14_dinov2"


@pytest.fixture(scope="module")
def vit() -> PatchGrid:
    torch.manual_seed(0)
    return PatchGrid(VIT, depth=6, image_size=(56, 84))


def test_the_map_lies_as_the_picture_does(vit):
    picture = torch.zeros(1, 3, 56, 84)
    changed = picture.clone()
    changed[..., 28:42, 42:56] = 1  # the patch in row 2, column 3
    with torch.no_grad():
        difference = (vit.eval().patch_embed(changed) - vit.patch_embed(picture)).norm(dim=2)
        assert vit.forward_features(picture).shape == (1, 384, 4, 6)
    assert difference.nonzero().tolist() == [[0, 2 * 6 + 3]]


def test_weights_of_another_grid_and_of_more_blocks_fit(vit):
    source = PatchGrid(VIT, depth=7, image_size=(112, 112))
    torch.nn.init.normal_(source.norm.weight)
    vit.load_timm(source.state_dict())
    assert torch.equal(vit.blocks[2].mlp.fc1.weight, source.blocks[2].mlp.fc1.weight)
    expected = resample_abs_pos_embed(source.pos_embed, [4, 6], num_prefix_tokens=1)
    torch.testing.assert_close(vit.pos_embed, expected)
    assert not torch.equal(vit.norm.weight, source.norm.weight)  # it was learnt for what comes behind block 7


def test_weights_of_one_oblong_grid_fit_another(vit):
    larger = PatchGrid(VIT, depth=6, image_size=(84, 112))
    larger.load_timm(vit.state_dict(), vit.grid)
    expected = resample_abs_pos_embed(vit.pos_embed, [6, 8], [4, 6], num_prefix_tokens=1)
    torch.testing.assert_close(larger.pos_embed, expected)
    assert torch.equal(larger.norm.weight, vit.norm.weight)


def test_weights_that_do_not_fit_and_sides_that_do_not_divide_are_named(vit):
    state = vit.state_dict()
    del state["blocks.1.attn.qkv.weight"]
    with pytest.raises(ValueError, match=r"blocks\.1\.attn\.qkv\.weight"):
        vit.load_timm(state, vit.grid)
    with pytest.raises(ValueError, match="does not divide into patches of 14 pixels"):
        PatchGrid(VIT, depth=6, image_size=(56, 90))
