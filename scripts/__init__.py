"""The laboratory: what produced every published number. The product imports nothing of it."""
