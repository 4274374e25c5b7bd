"""Drawn freight containers, scanned as at a port."""
