"""Where requests go and who answers them, during the dual run and the switch."""
