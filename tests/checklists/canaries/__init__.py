"""Secrets of which each is known by its own word, and what may repeat them."""
