"""What an attempt reports, written to PostgreSQL under its fence."""
