"""`import hfskin`, in processes of their own: what is imported and registered cannot be taken back."""

import json
import subprocess
import sys

import pytest

import hfskin

pytestmark = pytest.mark.slow

HEAVY = ("torch", "torchvision", "timm", "transformers", "gradio", "pandas", "onnxruntime")
AUTO = "from transformers import AutoModelForImageClassification as A\nprint(type(A.from_pretrained(FOLDER)).__name__)"


def run(code: str, *arguments: object) -> str:
    command = [sys.executable, "-c", f"import sys\nFOLDER = (sys.argv + [None])[1]\n{code}", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_import_brings_nothing_heavy_and_every_public_name_is_there():
    found = json.loads(run(f"import hfskin, json\nprint(json.dumps([n for n in {HEAVY!r} if n in sys.modules]))"))
    assert found == []
    assert all(getattr(hfskin, name) is not None for name in hfskin.__all__)
    assert set(hfskin.__all__) <= set(dir(hfskin))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = hfskin.nothing


@pytest.mark.parametrize(
    "imports",
    [
        "import hfskin\nhfskin.HfskinConfig",
        "from hfskin.model.labels import CLASSES\nimport transformers, hfskin.auto",
        "import hfskin\nhfskin.load()\nfrom hfskin import HfskinForImageClassification",
    ],
)
def test_whatever_was_imported_before_a_hfskin_name_registers(imports, tiny_checkpoint):
    assert run(f"{imports}\n{AUTO}", tiny_checkpoint).split() == ["HfskinForImageClassification"]


def test_garbage_is_collected_again_where_an_import_fails():
    code = (
        "import gc\nfrom hfskin.inference.machine import collecting_no_garbage\n"
        "try:\n    with collecting_no_garbage():\n        import no_such_module\n"
        "except ImportError:\n    print(gc.isenabled())"
    )
    assert run(code).strip() == "True"


def test_the_three_lines_of_the_readme_answer_without_torch(lesion_path):
    code = (
        "import hfskin, json\nprediction = hfskin.load(device='cpu')(FOLDER, age=55, sex='male', localization='back')\n"
        f"print(json.dumps([prediction.label, [n for n in {HEAVY[:4]!r} if n in sys.modules]]))"
    )
    label, imported = json.loads(run(code, lesion_path))
    assert label == hfskin.load(backend="torch")(lesion_path, age=55, sex="male", localization="back").label
    assert imported == []


def test_what_does_not_exist_is_said():
    with pytest.raises(TypeError, match="'devise'"):
        hfskin.load(devise="cpu")
    with pytest.raises(ValueError, match="unknown backend 'tensorflow'; choose one of: auto, onnx, torch"):
        hfskin.load(backend="tensorflow")
