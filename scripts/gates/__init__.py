"""Gates compared, at home and elsewhere."""
