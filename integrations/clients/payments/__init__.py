"""Payment providers, each by its own API behind one interface."""

from integrations.clients.payments.mode import KeyMode, refuse_wrong_mode
from integrations.clients.payments.provider import (
    Payment,
    PaymentProvider,
    ProviderBusy,
    detect_key_mode,
    get_payment_provider,
)

__all__ = [
    "KeyMode",
    "Payment",
    "PaymentProvider",
    "ProviderBusy",
    "detect_key_mode",
    "get_payment_provider",
    "refuse_wrong_mode",
]
