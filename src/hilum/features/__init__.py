"""Vectors of images in a database: embedded once, then searched, filtered and learned from."""
