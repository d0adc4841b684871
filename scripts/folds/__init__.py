"""Five-fold cross-validation of the published recipe."""
