"""Measured pairs: our way and the peer's way in turn, in one process run. `make bench` runs them all."""
