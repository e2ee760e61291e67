"""A small outside world for demo and tests: an old database and app, a Prisma project, a new API.

Imports nothing: the demo starts small programs of this package hundreds of times.
"""
