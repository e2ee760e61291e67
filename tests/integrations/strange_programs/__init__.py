"""Programs that print, or end, otherwise than those whom an action asks."""
