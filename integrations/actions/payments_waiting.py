"""Waits until a person has paid, and until a refund shows."""

from __future__ import annotations

import time

from integrations import actions
from integrations.clients.payments import Payment, PaymentProvider, ProviderBusy
from integrations.errors import Unreachable

POLL_SECONDS, LONGEST_POLL = 0.5, 5.0  # between two reads of the payment: at first, and after a while
REFUND_WAIT = 60.0  # seconds for a refund to show; Paystack only queues it


def wait_until_paid(
    provider: PaymentProvider, reference: str, seconds: float, report: actions.Report
) -> Payment | None:
    """The payment once it is paid, or as it is when the time is over."""
    started = time.monotonic()
    deadline = started + seconds
    while True:
        pause = min(LONGEST_POLL, POLL_SECONDS + (time.monotonic() - started) / 20)
        try:
            payment = provider.find_payment(reference)
            if (payment and payment.paid) or time.monotonic() > deadline:
                return payment
        except (ProviderBusy, Unreachable) as silence:
            # A provider that is busy or down for a moment does not end the wait: the person may pay
            # meanwhile, and then nobody would refund the payment.
            if time.monotonic() > deadline:
                raise
            report.log(f"Not seen: {silence.what} Asking again.")
            pause = max(pause, getattr(silence, "seconds", LONGEST_POLL))
        report.raise_if_cancelled()
        left = max(0.0, deadline - time.monotonic())
        report.progress(
            time.monotonic() - started, seconds, f"waiting for a person to pay, {left:.0f} s left"
        )
        _sleep(min(pause, left + POLL_SECONDS), report)


def wait_until_refunded(provider: PaymentProvider, reference: str, report: actions.Report) -> Payment | None:
    """The payment once its refund shows, or as it is when that takes too long."""
    deadline = time.monotonic() + REFUND_WAIT
    while True:
        payment = provider.find_payment(reference)
        if (payment and payment.refunded) or time.monotonic() > deadline:
            return payment
        _sleep(POLL_SECONDS, report)


def _sleep(seconds: float, report: actions.Report) -> None:
    """Sleeps in short steps, so that a cancel does not have to wait."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(min(POLL_SECONDS, max(0.0, until - time.monotonic())))
        report.raise_if_cancelled()
