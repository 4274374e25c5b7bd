"""What a head learns from, and how it is put on its backbone and kept as a run."""
