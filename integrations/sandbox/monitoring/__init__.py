"""Monitoring files of the sandbox, as its team has them for the new stack."""
