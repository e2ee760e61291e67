"""Read-only queries for the overview: its clocks, and what is under way."""
