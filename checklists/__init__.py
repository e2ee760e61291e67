"""The domain: what must be done, who agreed, what happened."""
