"""Load balancers that share one address between the old stack and the new: read and set who reaches which."""

from integrations.clients.proxies.named_people import NamedPeople
from integrations.clients.proxies.proxy import Proxy, Weights, get_proxy
from integrations.clients.proxies.sharing import Sharing

__all__ = ["NamedPeople", "Proxy", "Sharing", "Weights", "get_proxy"]
