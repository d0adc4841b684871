import importlib.util
from pathlib import Path

ROOT = Path(__file__).parent.parent


def load_script(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_results_in_the_readme_are_those_of_the_metrics_files():
    script = load_script("render_results")
    text = (ROOT / "README.md").read_text()
    assert script.insert(text, script.whole()) == text
