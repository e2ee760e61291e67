"""Runs comparisons: both sides live, a fingerprint with the present, and rechecks of a kept pass."""
