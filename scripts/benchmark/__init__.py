"""What scripts/benchmark measures, and the page of it."""
