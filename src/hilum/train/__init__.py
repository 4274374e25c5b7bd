"""Training: a run that can be stopped, resumed and repeated to the bit. Read `loop.py` first."""
