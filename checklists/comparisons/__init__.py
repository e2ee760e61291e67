"""Questions about comparisons, no writes: how far, what differs, what of it one may see, how it fell."""
