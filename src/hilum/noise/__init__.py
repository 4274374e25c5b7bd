"""Labels that are probably wrong: found, shown, and corrected by a file of verdicts."""
