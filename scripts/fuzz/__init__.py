"""Broken and hostile input for whatever reads input."""
