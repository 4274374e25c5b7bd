"""Classifiers on stored vectors: hundreds tried at once, the best stacked onto its backbone as a run."""
