"""What scripts/benchmark.py measures, and the page of it."""
