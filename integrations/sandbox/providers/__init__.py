"""Stand-ins for what lies across the internet: each speaks its provider's own protocol, as strictly."""
