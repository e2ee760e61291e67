"""Checks beyond the rows: structure, sequences, totals, rules in SQL, spot checks."""
