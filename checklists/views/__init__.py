"""What browsers ask for: fetch with permission, one service call, render."""
