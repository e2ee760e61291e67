"""Tests of the review of SQL."""
