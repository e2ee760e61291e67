"""Compares two PostgreSQL databases row by row and names every difference; a library without Django."""

VERSION = "0.1.0"
