"""An answer as people read it: a verdict, a card, a page to print. For the page, a notebook and files alike."""
