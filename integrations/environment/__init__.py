"""The environment around the service: settings, accounts, monitoring."""
