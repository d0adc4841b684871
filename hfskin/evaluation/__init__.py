"""From a checkpoint and a table to metrics.json: metrics, calibration, thresholds, gate, subgroups, plots."""
