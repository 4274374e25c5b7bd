"""Augmented copies of a pack's images, written once."""
