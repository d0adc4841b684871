"""Kernel SHAP beside Grad-CAM: how much of each map lies in the lesion (Young et al. 2019)."""

import numpy as np
import torch

import hfskin
from hfskin.data.ham10000 import find_masks
from hfskin.evaluation.localisation import centred_blob, read_mask, score_map
from hfskin.inference.explain import grad_cam
from hfskin.model.image_reading import read_image

from .kernel_shap import superpixel_heat
from .material import Material

PICTURES = 20  # a seed, of the part that the embedded checkpoint was validated on


def kernel_shap(material: Material, seed: int) -> dict:
    """Mass inside the mask and pointing game of every map, of the embedded checkpoint's own answer."""
    pipeline = hfskin.load(backend="torch")
    files = find_masks(material.mask_folder)
    chosen = np.random.default_rng(seed).choice(np.flatnonzero(material.fold == 1), PICTURES, replace=False)
    scores: dict[str, list[tuple[float, float]]] = {}
    for row in material.table.iloc[chosen].itertuples():
        picture = read_image(row.path)
        prepared = pipeline.prepare(picture, row.age, row.sex, row.localization)
        heat = grad_cam(pipeline, prepared)
        maps = {
            "Kernel SHAP": shap_heat(pipeline, picture.image, prepared),
            "Grad-CAM": heat,
            "Soft-Attention": pipeline(prepared).attention,
            "centred blob": centred_blob(heat.shape),
            "uniform": np.ones(heat.shape),
        }
        inside = read_mask(files[row.image_id], picture.image.size, prepared.crop, heat.shape)
        for name, heat in maps.items():
            if heat is not None:
                scores.setdefault(name, []).append(score_map(heat, inside))
    return {"maps": {name: np.mean(pairs, axis=0).round(3).tolist() for name, pairs in scores.items()}}


@torch.inference_mode()
def shap_heat(pipeline, image, prepared) -> np.ndarray:
    """(H, W) of the class that the model says, over the prepared crop."""
    preprocessing, model = prepared.preprocessing, pipeline.model
    metadata = torch.from_numpy(prepared.metadata)[None]

    def probabilities(pixels: np.ndarray) -> np.ndarray:
        values = np.stack([preprocessing.normalise(p) for p in pixels.transpose(0, 3, 1, 2)])
        parts = torch.from_numpy(values).split(64)
        logits = [model(pixel_values=part, metadata=metadata.expand(len(part), -1)).logits for part in parts]
        return torch.cat(logits).softmax(dim=1).numpy()

    pixels = preprocessing.resize(image).transpose(1, 2, 0)
    said = int(probabilities(pixels[None]).argmax())
    return superpixel_heat(pixels, lambda shown: probabilities(shown)[:, said])
