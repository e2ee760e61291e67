"""Read-only queries about comparisons: progress, result, rows that differ, personal values, trend."""
