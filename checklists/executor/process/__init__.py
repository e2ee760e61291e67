"""The processes of one attempt: how they are started, identified, killed and proven dead."""
