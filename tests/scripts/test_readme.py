from paths import ROOT

from scripts.published import readme


def test_results_in_the_readme_are_those_of_the_metrics_files():
    text = (ROOT / "README.md").read_text()
    assert readme.insert(text, readme.whole()) == text
