"""What tests of the domain share. A test that needs the panel's database asks for ``db`` (or is marked)."""

from tests.checklists.earlier_panel import earlier
from tests.checklists.served import port

__all__ = ["earlier", "port"]
