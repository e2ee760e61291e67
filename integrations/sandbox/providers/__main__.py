"""``python -m integrations.sandbox.providers``: every stand-in at one address, each under its name.

Settings: PORT, MAIL_PORT for the mail server beside them, and the keys by the names of the new environment's
settings (STRIPE_SECRET_KEY …).
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from integrations.sandbox.providers.apple import Apple
from integrations.sandbox.providers.code_host import CodeHost
from integrations.sandbox.providers.facebook import Facebook
from integrations.sandbox.providers.fincra import Fincra
from integrations.sandbox.providers.flutterwave import Flutterwave
from integrations.sandbox.providers.google import Google
from integrations.sandbox.providers.mail import MailServer
from integrations.sandbox.providers.moods import Providers
from integrations.sandbox.providers.paystack import Paystack
from integrations.sandbox.providers.registry import RegistryStandin
from integrations.sandbox.providers.stripe import Stripe
from integrations.sandbox.serving import Answering, serve


def standins(environ: Mapping[str, str]) -> dict[str, Answering]:
    """The stand-ins by their names."""
    return {
        "stripe": Stripe(environ),
        "paystack": Paystack(environ),
        "fincra": Fincra(environ),
        "flutterwave": Flutterwave(environ),
        "google": Google(environ),
        "facebook": Facebook(environ),
        "apple": Apple(environ),
        "registry": RegistryStandin(environ),
        "code-host": CodeHost(environ),
    }


if __name__ == "__main__":
    if "MAIL_PORT" in os.environ:
        MailServer(int(os.environ["MAIL_PORT"]), os.environ).begin()
    serve(int(os.environ["PORT"]), Providers(standins(os.environ)), name="providers")
