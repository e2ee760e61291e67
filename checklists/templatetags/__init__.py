"""Template tags: how times, counts, states and Markdown look on every page."""
