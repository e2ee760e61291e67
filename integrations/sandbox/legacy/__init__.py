"""The old side: its tables as SQLAlchemy made them, its rows, and the logins that may touch them."""
