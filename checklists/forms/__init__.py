"""What people type: validated before a service sees it."""
