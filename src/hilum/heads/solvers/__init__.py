"""How heads are fitted: candidates and vectors in, parameters out. docs/head-solvers.md says by which methods."""
