from paths import ROOT
from rendered import figures

from scripts.published import readme


def test_results_in_the_readme_are_those_of_the_metrics_files():
    text = (ROOT / "README.md").read_text()
    assert figures(readme.insert(text, readme.whole())) == figures(text)
