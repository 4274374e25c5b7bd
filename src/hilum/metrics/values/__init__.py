"""Every score, once: what there is, and the formulas."""
