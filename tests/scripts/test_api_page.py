from scripts.api_page import PAGE, render


def test_the_page_is_that_of_the_docstrings():
    assert PAGE.read_text(encoding="utf-8") == render(), "run: python -m scripts.api_page"
