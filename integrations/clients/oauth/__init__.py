"""Sign-in by other providers: the authorize URL that an API hands out, and our client at the provider."""

from integrations.clients.oauth.authorize import AuthorizeUrl, request_authorize_url
from integrations.clients.oauth.client import OAuthClient, get_oauth_client

__all__ = ["AuthorizeUrl", "OAuthClient", "get_oauth_client", "request_authorize_url"]
