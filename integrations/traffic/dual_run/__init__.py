"""The dual run: what the old and the new stack answer to the same reads, compared field by field."""
