"""Presents a result: JSON facts, terminal, HTML page, SQL for repairs."""
