"""The four payment providers: each by its own API, all with the same few questions."""

from integrations.clients.payments.mode import Mode, mode_of_key, refuse_wrong_mode
from integrations.clients.payments.provider import Busy, Payment, Provider, provider_of

__all__ = ["Busy", "Mode", "Payment", "Provider", "mode_of_key", "provider_of", "refuse_wrong_mode"]
