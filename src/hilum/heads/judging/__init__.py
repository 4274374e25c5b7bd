"""Which of many heads is best: cross-validation by patient, scores of what each says out of fold."""
