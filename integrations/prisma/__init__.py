"""The customer's Prisma project: its CLI, migrations, errors and the alignment migration."""
