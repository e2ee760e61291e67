"""The panel's application, with the sample actions of the tests: their cutover has pages to show."""

from cutover.asgi import application
from tests.checklists import sample_actions  # noqa: F401  # registers them

__all__ = ["application"]
