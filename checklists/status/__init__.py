"""Read-only queries: what is said of a cutover in words, to its people and to everybody else."""
