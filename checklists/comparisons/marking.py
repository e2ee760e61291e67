"""What differs between two versions of a value, as the parity library tells it, for pages and templates."""

from integrations.parity.marking import Marked, Part, marked, marked_quickly

__all__ = ["Marked", "Part", "marked", "marked_quickly"]
