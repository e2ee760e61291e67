"""Tests of checklists.timeline."""
