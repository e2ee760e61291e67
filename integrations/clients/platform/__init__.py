"""The platform that services run on: apply a release, start and stop services, read their status."""

from integrations.clients.platform.platform import Platform, get_platform
from integrations.clients.platform.service_status import ServiceStatus

__all__ = ["Platform", "ServiceStatus", "get_platform"]
