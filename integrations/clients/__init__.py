"""Thin clients, one a system, that know how to talk to it and nothing of why."""
