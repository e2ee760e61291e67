"""Plain data and functions of a comparison: plans, bucket schemes, sums, canonical forms, declared rules."""
