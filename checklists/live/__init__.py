"""What the hub and the stream are made of: what is read, rendered and sent to open pages."""
