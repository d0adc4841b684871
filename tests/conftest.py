"""Shared fixtures: 28 real lesions, four a class (tests/data/ATTRIBUTION.md)."""

import os
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # before huggingface_hub is imported: no test reaches outside

import pandas as pd
import pytest
import torch
from demo_fixtures import browser, keep, page_checkpoint, page_url, temporary_files, text_page, visit  # noqa: F401
from paths import DATA

import hfskin
from hfskin.data.ham10000 import load_ham10000


@pytest.fixture(scope="session")
def data_folder() -> Path:
    return DATA


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    return load_ham10000(DATA)


@pytest.fixture(scope="session")
def lesion_path() -> Path:
    return DATA / "images" / "ISIC_0024308.jpg"


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory) -> Path:
    """A checkpoint folder with random weights and calibration: for what does not depend on accuracy."""
    torch.manual_seed(0)
    config = hfskin.HfskinConfig(
        backbone="mobilenet_v3_small",
        image_size=(96, 128),
        pooling="avg",
        metadata_hidden=16,
        gate=True,
        temperature=1.5,
        malignant_threshold=0.3,
        malignant_sensitivity=0.95,
        conformal_threshold=0.1,
        conformal_coverage=0.9,
    )
    folder = tmp_path_factory.mktemp("tiny")
    hfskin.HfskinForImageClassification(config).save_pretrained(folder)
    hfskin.HfskinImageProcessor(size={"height": 96, "width": 128}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def embedded() -> hfskin.SkinLesionPipeline:
    """The pipeline with the embedded checkpoint, by torch."""
    return hfskin.load(backend="torch")
