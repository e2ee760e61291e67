"""Load balancers that share one address between the old stack and the new: read and set their weights."""

from integrations.clients.proxies.driver import Proxy, Weights, proxy_of

__all__ = ["Proxy", "Weights", "proxy_of"]
