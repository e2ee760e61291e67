"""The platform that services run on, whichever it is: apply a release, start, stop, see how it stands."""

from integrations.clients.platform.driver import Driver, driver_of
from integrations.clients.platform.standing import Standing

__all__ = ["Driver", "Standing", "driver_of"]
