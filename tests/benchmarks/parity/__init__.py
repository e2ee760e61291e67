"""Data, measured parts and peers of the benchmark of the parity engine."""
