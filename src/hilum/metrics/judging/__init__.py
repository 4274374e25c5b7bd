"""How predictions are judged: units, calibration and thresholds of the validation part."""
