"""A small outside world for demo and tests: an old database and app, a Prisma project, a new API."""

from integrations.sandbox.world import Process, Sandbox

__all__ = ["Process", "Sandbox"]
