"""The demo: a rehearsal on this machine, with an outside world, people to sign in as, and an autopilot."""
