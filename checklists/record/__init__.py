"""The record of a cutover: its chain of entries, verified, compared with the rows, told as sentences."""
