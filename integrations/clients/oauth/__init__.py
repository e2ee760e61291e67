"""Sign-in by other providers: what an API's authorize URL has to say, and whether a client is known."""

from integrations.clients.oauth.authorize import Authorize, asked_of
from integrations.clients.oauth.client import Client, client_of

__all__ = ["Authorize", "Client", "asked_of", "client_of"]
