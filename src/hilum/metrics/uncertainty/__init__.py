"""How sure a score is: the bootstrap over patients, influence of each patient, intervals, p values."""
