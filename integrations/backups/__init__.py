"""Backups: archive, fingerprint, restore, retention, and what was created since."""
