"""Each method of the related work against a known value, an invariant or a gradient."""

import math
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from paths import MASKS, ROOT
from PIL import Image
from rendered import figures
from scipy.fft import dctn
from torch.nn import functional as F

from hfskin.data.ham10000 import find_masks
from hfskin.model.metadata import encode_metadata
from hfskin.training.losses import WeightedCrossEntropy, class_weights
from scripts.related_work import classical, heads, networks, segment_first
from scripts.related_work.__main__ import read_rows
from scripts.related_work.catalogue import CATALOGUE, together
from scripts.related_work.contrastive import RelationPreserving, Student, contrastive_loss, relation_loss
from scripts.related_work.features import Features
from scripts.related_work.heads import Head, fit, measured
from scripts.related_work.kernel_shap import shapley_values, superpixel_heat
from scripts.related_work.losses import FocalLoss, MultiWeightedNewLoss
from scripts.related_work.material import Material
from scripts.related_work.matrix import MatrixTransformation
from scripts.related_work.metadata_network import MISSING, MetadataNetwork
from scripts.related_work.methods import METHODS, mean_probability
from scripts.related_work.page import BASELINE, WORKS, render_page
from scripts.related_work.segmentation import UNet, cropped, dice, lesion_box, masked, padded, segmentation_loss
from scripts.related_work.variational import FunctionalELBO, GaussianLogits, function_divergence

COUNTS = torch.tensor([327, 514, 1099, 115, 1113, 6705, 142])
LOGITS = torch.randn(16, 7, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(16) % 7


def test_focal_loss_is_the_papers_without_gamma_and_forgets_what_is_learnt():
    weights = class_weights(COUNTS.tolist())
    plain = WeightedCrossEntropy(weights)(SimpleNamespace(logits=LOGITS), LABELS)
    torch.testing.assert_close(FocalLoss(weights, gamma=0.0)(LOGITS, LABELS), plain)
    sure = torch.tensor([[math.log(9.0), 0.0]])  # p = 0.9 of class 0
    loss = FocalLoss(torch.ones(2), gamma=2.0)(sure, torch.tensor([0]))
    assert float(loss) == pytest.approx(0.1**2 * -math.log(0.9), rel=1e-5)


def test_the_multi_weighted_loss_weighs_by_class_and_caps_outliers():
    loss = MultiWeightedNewLoss(COUNTS, power=1.0, gamma=0.0, beta=0.1)
    weights = loss.class_weights()
    assert float(weights.mean()) == pytest.approx(1.0)
    assert float(weights[3] / weights[5]) == pytest.approx(6705 / 115, rel=1e-5)
    wrong = torch.full((1, 7), -20.0)  # sure that the true class is absent: an outlier
    wrong.requires_grad_()
    value = loss(wrong, torch.tensor([4]))
    value.backward()
    assert float(value) == pytest.approx(-math.log(0.1) / 7, rel=1e-4)
    assert float(wrong.grad[0, 4]) == 0.0  # without the focal factor nothing is learnt from it


def test_cumulative_learning_begins_without_weights_and_ends_with_all():
    loss = MultiWeightedNewLoss(COUNTS, cumulative=True)
    full = MultiWeightedNewLoss(COUNTS).class_weights()
    shares = {}
    for loss.epoch in (0.0, 0.2, 0.4, 0.6, 1.0):
        weights = loss.class_weights()
        shares[loss.epoch] = math.log(weights[3] / weights[5]) / math.log(full[3] / full[5])
    assert [shares[e] for e in (0.0, 0.2, 0.4, 0.6, 1.0)] == pytest.approx([0, 0, 0.25, 1, 1], abs=1e-5)


def test_the_metadata_network_hides_whole_fields_and_only_while_training():
    torch.manual_seed(0)
    network = MetadataNetwork()
    patient = torch.from_numpy(encode_metadata(70, "female", "scalp")).expand(20_000, -1)
    hidden = network.hide(patient)
    unknown = torch.from_numpy(encode_metadata())
    for columns in (slice(0, 1), slice(1, 4), slice(4, 19)):
        is_hidden = (hidden[:, columns] == unknown[columns]).all(dim=1)
        is_kept = (hidden[:, columns] == patient[:, columns]).all(dim=1)
        assert bool((is_hidden | is_kept).all())
        assert float(is_hidden.float().mean()) == pytest.approx(MISSING, abs=0.01)
    network.eval()
    torch.testing.assert_close(network(patient[:2])[0], network(patient[:1])[0])
    assert [type(layer).__name__ for layer in network] == ["Linear", "BatchNorm1d", "ReLU", "Dropout"] * 2


def test_the_spectral_start_is_the_cosine_transform_and_learns():
    x = torch.randn(2, 3, 4, 6)
    layer = MatrixTransformation(4, 6)
    expected = dctn(x.numpy(), axes=(2, 3), norm="ortho")
    torch.testing.assert_close(layer(x).detach(), torch.from_numpy(expected), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(MatrixTransformation(4, 6, spectral=False)(x).detach(), x)
    layer(x).square()[:, :, 0].sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in layer.parameters())


def test_relations_agree_where_embeddings_do_and_pull_where_they_do_not():
    embeddings = F.normalize(torch.randn(8, 5), dim=1)
    centroids = F.normalize(torch.randn(7, 5), dim=1)
    assert float(relation_loss(embeddings, embeddings, centroids)) == pytest.approx(0, abs=1e-6)
    assert float(relation_loss(embeddings.flip(0), embeddings, centroids)) > 0.01
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
    axes = torch.eye(2)[labels]
    assert float(contrastive_loss(axes, axes, labels)) == pytest.approx(math.log(4), abs=1e-3)  # four of a class, alike
    assert float(contrastive_loss(axes, axes.flip(0), labels)) > 5


def test_the_teacher_follows_slowly_and_gets_no_gradient():
    torch.manual_seed(0)
    student = Student(10)
    loss = RelationPreserving(student, F.cross_entropy)
    before = student.teacher.project.weight.clone()
    x, metadata = torch.randn(14, 6), torch.randn(14, 4)
    loss(student(x, metadata), torch.arange(14) % 7).backward()
    assert student.teacher.project.weight.grad is None
    assert student.embedding.project.weight.grad.abs().sum() > 0  # through the teacher's losses alone
    with torch.no_grad():
        student.embedding.project.weight += 1
    loss.after_step()
    torch.testing.assert_close(student.teacher.project.weight, before + 0.01)
    torch.testing.assert_close(student.centroids.norm(dim=1), torch.ones(7))


def test_the_divergence_is_the_gaussian_one_and_pulls_to_the_prior_beyond_the_data():
    mean, std = torch.randn(3, 7), torch.rand(3, 7) + 0.1
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, std), torch.distributions.Normal(0.0, 2.0)
    )
    torch.testing.assert_close(function_divergence(mean, std, 2.0), expected.sum(dim=1).mean())
    torch.manual_seed(0)
    x, metadata = torch.randn(256, 6), torch.zeros(256, 2)
    labels = (x[:, 0] > 0).long()
    spread = {}
    for weight in (0.0, 1.0):
        torch.manual_seed(0)
        head = GaussianLogits(8, hidden=16)
        inputs = torch.cat([x, metadata], dim=1)
        fit(head, x, metadata, labels, FunctionalELBO(head, inputs, F.cross_entropy, weight), seed=0)
        with torch.no_grad():
            far = torch.cat([3 * torch.randn(256, 6), metadata], dim=1)
            spread[weight] = float(head.distribution(far)[1].mean())
    assert abs(spread[1.0] - 1) < abs(spread[0.0] - 1)


def exact(value, players: int) -> np.ndarray:
    """Shapley values by their definition: what a player adds, over all orders."""
    values = np.zeros(players)
    orders = list(permutations(range(players)))
    for order in orders:
        inside = np.zeros(players, bool)
        for player in order:
            before = value(inside[None])[0]
            inside[player] = True
            values[player] += value(inside[None])[0] - before
    return values / len(orders)


def test_kernel_shap_is_shapley_and_adds_up():
    def game(coalitions):
        return 3.0 * coalitions[:, 0] + coalitions[:, 1] * coalitions[:, 2] - 2 * (coalitions[:, 3] & coalitions[:, 0])

    np.testing.assert_allclose(shapley_values(game, 5, samples=1000), exact(game, 5), atol=1e-9)
    weights = np.arange(20.0)
    sampled = shapley_values(lambda coalitions: coalitions @ weights, 20, samples=200)
    np.testing.assert_allclose(sampled, weights, atol=1e-8)  # an additive game is found from few draws


def test_the_heat_lies_where_the_answer_comes_from(lesion_path):
    with Image.open(lesion_path) as file:
        pixels = np.array(file.convert("RGB").resize((64, 48)))
    mean = pixels.mean()
    heat = superpixel_heat(pixels, lambda shown: np.abs(shown[:, 10:30, 10:30] - mean).mean(axis=(1, 2, 3)))
    assert heat[12:28, 12:28].mean() > 4 * heat[36:, 36:].mean()
    assert heat.min() >= 0


def test_dice_boxes_and_pictures_by_hand():
    mask = torch.zeros(1, 1, 10, 20)
    mask[..., 2:6, 5:15] = 1
    other = torch.zeros_like(mask)
    other[..., 4:8, 5:15] = 1
    assert dice(mask, other).tolist() == pytest.approx([0.5])
    assert dice(torch.zeros_like(mask), torch.zeros_like(mask)).tolist() == [1.0]
    assert lesion_box(mask[0, 0], margin=0.5) == (0, 0, 8, 20)
    assert lesion_box(torch.zeros(10, 20)) == (0, 0, 10, 20)
    picture = torch.rand(3, 10, 20)
    shown = masked(picture, mask[0, 0])
    torch.testing.assert_close(shown[:, 2:6, 5:15], picture[:, 2:6, 5:15])
    assert float(shown[0, 0, 0]) == pytest.approx(float(picture[0][mask[0, 0] == 0].mean()))
    square = padded(picture)
    assert square.shape == (3, 20, 20)
    torch.testing.assert_close(square[:, 5:15], picture)
    assert float(square[:, :5].sum() + square[:, 15:].sum()) == 0
    constant = cropped(torch.where(mask[0] > 0, torch.ones(3, 10, 20), torch.zeros(3, 10, 20)), mask[0, 0])
    assert float(constant[:, 4:6, 8:12].min()) == 1.0  # the box fills the picture


def test_the_unet_learns_one_lesion(lesion_path):
    torch.manual_seed(0)
    file = next(iter(sorted(MASKS.glob("*_segmentation.png"))))
    with Image.open(file) as mask:
        truth = torch.from_numpy(np.array(mask.convert("L").resize((64, 64))) >= 128).float()[None, None]
    picture = (0.8 - 0.5 * truth).expand(2, 3, 64, 64) + 0.05 * torch.randn(2, 3, 64, 64)
    network, truth = UNet(), truth.expand(2, 1, 64, 64)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    first = None
    for _ in range(25):
        optimizer.zero_grad()
        loss = segmentation_loss(network(picture), truth)
        loss.backward()
        optimizer.step()
        first = first or float(loss)
    assert network(picture).shape == (2, 1, 64, 64)
    assert [name for name, p in network.named_parameters() if p.grad is None] == []
    assert float(loss) < 0.5 * first


@pytest.fixture(scope="module")
def separable() -> Features:
    """Ten tenths of 42 rows whose classes stand apart, and pictures of something else."""
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(420) % 7
    maps = 2 * torch.eye(12)[labels][:, :, None, None] + torch.randn(420, 12, 4, 4, generator=random)
    metadata = torch.from_numpy(encode_metadata(50, "male", "back")).expand(420, -1)
    strange = 3 * torch.randn(40, 12, 1, 1, generator=random).expand(-1, -1, 4, 4)
    return Features(maps, metadata, labels, np.arange(420) // 42, strange)


def test_parts_leave_the_test_part_alone_and_share_nothing(separable):
    for seed in range(4):
        parts = separable.parts(seed)
        rows = torch.cat(list(parts.values()))
        assert len(rows.unique()) == len(rows) == 420 - 42
        assert 0 not in separable.fold[rows.numpy()]
        assert set(separable.fold[parts["judge"].numpy()]) == {5 + seed}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_finds_classes_that_stand_apart(name, separable, monkeypatch):
    if name == "XGBoost":
        pytest.importorskip("xgboost")
    monkeypatch.setattr(heads, "BATCH", 32)
    monkeypatch.setattr(heads, "LEARNING_RATE", 1e-2)
    figures = METHODS[name](separable, 0)
    assert METHODS[name](separable, 0) == figures  # the same seed, the same run
    if "refused" in figures:  # a gate
        assert figures["strange"] > 0.9
        assert figures["accepted"] > 0.9
        assert figures["refused"] > 0.3
        return
    # Where a class falls behind the cut early, the multi-weighted loss hardly takes it up again.
    assert figures["bma"] > (0.3 if name.startswith("multi-weighted") else 0.8), figures
    assert figures["auc"] > 0.95
    assert 0 <= figures["strange"] <= 1


def test_an_ensemble_is_the_mean_of_its_members_and_each_reads_its_own_view(separable, monkeypatch):
    two = [np.log([[0.9, 0.1]]), np.log([[0.5, 0.5]])]
    np.testing.assert_allclose(np.exp(mean_probability(two)), [[0.7, 0.3]])
    monkeypatch.setattr(heads, "BATCH", 32)
    monkeypatch.setattr(heads, "LEARNING_RATE", 1e-2)
    blind = separable.with_maps(torch.rand_like(separable.maps), separable.strange)
    alone, joined = (together(views, 0)["nll"] for views in ([separable], [separable, blind]))
    assert together([separable, separable], 0)["nll"] < joined + 0.05
    assert alone < together([blind], 0)["nll"]


def test_a_gate_needs_photographs(separable):
    with pytest.raises(ValueError, match="--strange"):
        METHODS["Isolation Forest"](replace(separable, strange=None), 0)


def test_strange_is_the_auroc_of_how_sure_the_network_is():
    labels, right = np.arange(7), 5 * np.eye(7)
    assert measured(right, labels, right, labels, np.zeros((7, 7)))["strange"] == 1.0
    assert measured(right, labels, right, labels, right)["strange"] == 0.5


def test_cut_out_leaves_a_grey_square_and_everything_else():
    torch.manual_seed(0)
    picture = torch.randint(129, 256, (3, 64, 64), dtype=torch.uint8)
    erase, sides = networks.cut_out(), []
    for _ in range(60):
        shown = erase(picture)
        hole = (shown == 128).all(dim=0)
        assert torch.equal(shown[:, ~hole], picture[:, ~hole])
        top, left, bottom, right = lesion_box(hole, margin=0)
        if hole.any():
            assert bool(hole[top:bottom, left:right].all())
            assert bottom - top == right - left
            sides.append(bottom - top)
    assert 15 < len(sides) < 45  # every other picture
    assert min(sides) >= 8
    assert max(sides) <= 33
    assert len(set(sides)) > 5


def test_rand_augment_changes_pictures_by_chance_alone(lesion_path):
    with Image.open(lesion_path) as file:
        picture = torch.from_numpy(np.array(file.convert("RGB").resize((64, 48)))).permute(2, 0, 1)
    augment = networks.rand_augment()
    runs = []
    for _ in range(2):
        torch.manual_seed(0)
        runs.append([augment(picture) for _ in range(20)])
    assert all(map(torch.equal, *runs))
    assert {(shown.shape, shown.dtype) for shown in runs[0]} == {(picture.shape, torch.uint8)}
    assert sum(not torch.equal(shown, picture) for shown in runs[0]) > 15
    assert len({shown.sum().item() for shown in runs[0]}) > 10


def test_drop_block_drops_whole_blocks_keeps_the_mean_and_only_while_training():
    torch.manual_seed(0)
    network = networks.Network(None)
    networks.add_drop_block(network.backbone)
    stage, block = network.backbone.blocks[-3]
    seen = []
    stage.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    network(torch.randn(2, 3, 72, 96), torch.zeros(2, 19))
    assert seen[0][2:] == (5, 6)  # the map of stride 16
    ones = torch.ones(4000, 2, 5, 6)
    dropped = block.train()(ones)
    assert float(dropped.mean()) == pytest.approx(1, abs=0.01)
    assert torch.equal(dropped[:, 0], dropped[:, 1])
    gone = (dropped[:, :1] == 0).float()
    assert float(gone.mean()) == pytest.approx(1 / 6, abs=0.02)
    # A block that starts inside covers three by three places: whatever is gone lies in such a one, or touches the edge.
    inside = F.avg_pool2d(gone, networks.BLOCK, 1) > 0.999
    covered = F.max_pool2d(F.pad(inside.float(), [2] * 4), networks.BLOCK, 1)
    assert float((gone - covered)[:, :, 2:-2, 2:-2].max()) == 0
    assert torch.equal(block.eval()(ones), ones)


@pytest.fixture(scope="module")
def material(table, tmp_path_factory) -> Material:
    """Ten tenths of the 28 lesions each, on random weights; few of them have a mask."""
    return repeated(table, tmp_path_factory.mktemp("cache"))


def repeated(table: pd.DataFrame, cache: Path) -> Material:
    made = Material(pd.concat([table] * 10, ignore_index=True), None, MASKS, None, cache)
    made.fold = np.arange(len(made.table)) // len(table)
    return made


def test_what_is_kept_is_of_one_table_and_its_files(table, tmp_path):
    picture = tmp_path / "picture.jpg"
    picture.write_bytes(table["path"][0].read_bytes())
    first = table[:2].assign(path=picture)

    def kept(rows: pd.DataFrame) -> Path:
        return Material(rows, None, MASKS, None, tmp_path).cache

    assert kept(first) == kept(first.copy())
    before = {kept(first), kept(first[:1]), kept(first.assign(dx="nv")), kept(first.assign(path=table["path"][0]))}
    picture.write_bytes(table["path"][1].read_bytes())
    assert len(before | {kept(first)}) == 5


@pytest.mark.slow
def test_the_unet_is_trained_on_masks_and_judged_by_them(table, tmp_path, monkeypatch):
    monkeypatch.setattr(segment_first, "EPOCHS", 8)
    monkeypatch.setattr(segment_first, "BATCH", 8)
    with_mask = repeated(table[table["image_id"].isin(find_masks(MASKS))], tmp_path)
    figures = CATALOGUE["segmentation by a U-Net"](with_mask, 0)
    assert figures["dice"] > 0.75
    assert 0.2 < figures["ellipse"] < 0.9
    share = float(with_mask.masks.float().mean())
    assert float(segment_first.ellipse(share).mean()) == pytest.approx(share, abs=0.02)


@pytest.mark.slow
def test_what_is_found_changes_what_is_classified(material):
    found = segment_first.ellipse(0.2).expand(len(material.table), -1, -1, -1) > 0
    material.cache.mkdir(exist_ok=True)
    np.save(material.cache / "masks-0.npy", found.numpy())
    for name in ("whole picture, stretched", "whole picture, padded", "lesion cut out", "surroundings masked"):
        assert 0 <= CATALOGUE[name](material, 0)["bma"] <= 1
    files = ("stretched", "padded", "cropped-0", "masked-0")
    maps = [np.load(material.cache / f"{name}-128.npy") for name in files]
    assert {part.shape for part in maps} == {(280, 576, 4, 4)}
    assert len({part.tobytes() for part in maps}) == len(maps)


@pytest.mark.slow
def test_a_network_is_trained_on_what_the_augmentation_shows(material, monkeypatch):
    monkeypatch.setattr(networks, "EPOCHS", 1)
    shown = []

    def count():
        return lambda picture: (shown.append(picture.shape), picture)[1]

    plain = networks.fine_tuned(material, 0)
    assert networks.fine_tuned(material, 0, augment=count) == plain  # nothing was changed, nothing is drawn otherwise
    assert len(shown) == 7 * 28 // networks.BATCH * networks.BATCH
    assert set(shown) == {(3, 96, 128)}
    assert networks.fine_tuned(material, 0, change=networks.add_drop_block) != plain


def test_mirrored_pictures_stay_with_their_masks():
    torch.manual_seed(0)
    both = networks.mirrored(torch.arange(12.0).view(1, 1, 3, 4).expand(64, 2, 3, 4))
    assert torch.equal(both[:, 0], both[:, 1])
    assert len({picture[0, 0, 0].item() for picture in both}) == 4


def test_xgboost_says_where_it_comes_from():
    try:
        import xgboost  # noqa: F401
    except ImportError:
        with pytest.raises(ImportError, match=r"pip install 'hfskin\[related-work\]'"):
            classical.xgboost(0)


def test_the_temperature_comes_from_the_calibration_part():
    random = np.random.default_rng(0)
    labels = random.integers(0, 7, 700)
    logits = np.eye(7)[np.where(random.random(700) < 0.7, labels, random.integers(0, 7, 700))] * 2.5
    same = measured(logits, labels, logits, labels)
    louder = measured(10 * logits, labels, 10 * logits, labels)
    assert louder["nll"] == pytest.approx(same["nll"], rel=0.02)
    assert measured(logits, labels, 10 * logits, labels)["ece"] > same["ece"] + 0.1


def test_a_head_without_a_branch_ignores_the_patient():
    head = Head(5)
    x = torch.randn(2, 5)
    torch.testing.assert_close(head(x, torch.zeros(2, 19)), head(x, torch.ones(2, 19)))


def row(method: str, seed: int, bma: float) -> dict:
    return {"method": method, "seed": seed, "bma": bma, "auc": 0.9, "nll": 0.6, "ece": 0.02, "seconds": 30.0}


def test_the_page_pairs_seeds_and_gives_no_number_to_what_was_not_run():
    rows = [row(BASELINE, 0, 0.5), row(BASELINE, 1, 0.6), row("Random Forest", 0, 0.4), row("Random Forest", 1, 0.5),
            row("Random Forest", 2, 0.0), row("focal loss", 0, 0.55),
            {"method": "segmentation by a U-Net", "seed": 1, "dice": 0.91, "ellipse": 0.6, "seconds": 120.0},
            {"method": "Isolation Forest", "seed": 0, "strange": 0.9, "accepted": 0.99, "refused": 0.5, "seconds": 6.0},
            {"method": "Kernel SHAP", "seed": 0, "maps": {"Grad-CAM": [0.7, 0.9], "uniform": [0.3, 0.0]},
             "seconds": 60.0}]  # fmt: skip
    page = render_page(rows)
    (forest,) = (line for line in page.splitlines() if "| Random Forest |" in line)
    assert "| 2 | 0.450 (-0.100 ± 0.000) | 0.900 (+0.000 ± 0.000) |" in forest
    assert forest.endswith("|  | 1.0 |")
    assert "https://arxiv.org/abs/1912.03798" in forest
    assert "| 1 | 0.550 (+0.050) |" in page
    assert "| 6 | 0.910 | 0.600 | 2.0 |" in page
    assert "| Isolation Forest | 1 | 0.900 | 0.990 | 0.500 | 0.1 |" in page
    assert "| Grad-CAM | 0.70 | 0.90 |" in page
    without = page.split("## Code and test, not yet run")[1]
    assert "XGBoost" in without
    assert "Random Forest" not in without


def test_the_committed_page_is_the_rendering_of_the_committed_results():
    rows = read_rows(ROOT / "results" / "related_work.json")
    page = (ROOT / "docs" / "related_work.md").read_text(encoding="utf-8")
    assert figures(page) == figures(render_page(rows))


def test_every_work_names_methods_that_are_there():
    assert {name for work in WORKS for pair in work.compared.items() for name in pair} <= set(CATALOGUE)
