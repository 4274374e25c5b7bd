"""A data set as one page, before any training."""
