"""Soft-Attention is the paper's equation, over all channels."""

import pytest
import torch
import torch.nn.functional as F

from hfskin.model.soft_attention import SoftAttention


@pytest.fixture
def t() -> torch.Tensor:
    return torch.randn(2, 24, 7, 5, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def attention() -> SoftAttention:
    torch.manual_seed(0)
    return SoftAttention(channels=24)


def test_equals_the_papers_conv3d(t, attention):
    """Paper, section 2.2.2: a 3-D convolution whose kernel spans all channels, softmax over positions, sum, gamma."""
    volume = t.unsqueeze(1)  # (B, 1, C, H, W)
    kernel = attention.conv.weight.unsqueeze(1)  # (K, 1, C, 3, 3)
    scores = F.conv3d(volume, kernel, padding=(0, 1, 1)).squeeze(2)
    alpha = scores.flatten(2).softmax(dim=2).view_as(scores)
    f_sa, maps = attention(t)
    torch.testing.assert_close(maps, alpha, rtol=0, atol=1e-5)
    torch.testing.assert_close(f_sa, 0.01 * t * alpha.sum(dim=1, keepdim=True), rtol=0, atol=1e-5)


def test_maps_see_every_channel(t, attention):
    t.requires_grad_()
    _, maps = attention(t)
    maps[:, :, 3, 2].sum().backward()
    assert (t.grad.abs().amax(dim=(0, 2, 3)) > 0).all()
    assert (t.grad.abs().amax(dim=(0, 1)) > 0).all()  # and, through the softmax, every position


def test_sixteen_maps_that_sum_to_one(t, attention):
    f_sa, maps = attention(t)
    assert f_sa.shape == t.shape
    assert maps.shape == (2, 16, 7, 5)
    assert (maps >= 0).all()
    torch.testing.assert_close(maps.sum(dim=(2, 3)), torch.ones(2, 16))


def test_gamma_is_learnt(t, attention):
    assert attention.gamma.item() == pytest.approx(0.01)
    optimizer = torch.optim.SGD(attention.parameters(), lr=1.0)
    attention(t)[0].square().sum().backward()
    optimizer.step()
    assert attention.gamma.item() != pytest.approx(0.01)


def test_gamma_scales_the_result(t, attention):
    before, _ = attention(t)
    with torch.no_grad():
        attention.gamma.mul_(3)
    torch.testing.assert_close(attention(t)[0], 3 * before)


def test_half_precision_keeps_the_maps_exact(t, attention):
    f_sa, maps = attention.bfloat16()(t.bfloat16())
    assert f_sa.dtype is torch.bfloat16
    assert maps.dtype is torch.float32
    torch.testing.assert_close(maps.sum(dim=(2, 3)), torch.ones(2, 16))
