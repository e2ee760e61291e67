"""A small outside world for demo and tests: an old database and app, a Prisma project, a new API."""
