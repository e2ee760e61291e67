"""Pages that join a live stream, admitted together: hundreds come back at once after a restart."""
