"""The panel's own database: an owner role that migrates, and an application role for the rest."""
