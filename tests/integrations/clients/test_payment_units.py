"""An amount means the same to the panel and to each provider, whatever the currency divides into."""

from __future__ import annotations

import pytest

from integrations.clients.payments import stripe
from integrations.clients.payments.units import digits, major, minor, rescaled, restored, shown
from integrations.errors import Problem


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        (1250, "GHS", "12.50"),
        (5, "NGN", "0.05"),
        (1250, "JPY", "1250"),
        (1250, "XOF", "1250"),
        (1250, "UGX", "1250"),
        (1250, "KWD", "1.250"),
    ],
)
def test_minor_units_are_written_in_whole_ones_and_read_back(amount: int, currency: str, units: str) -> None:
    assert major(amount, currency) == units
    assert minor(units, currency) == amount
    assert shown(amount, currency) == f"{units} {currency}"


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("12.505", "GHS"),
        ("0.5", "JPY"),
        ("1.0001", "KWD"),
        ("much", "NGN"),
        (None, "NGN"),
        ("NaN", "NGN"),
        ("Infinity", "NGN"),
    ],
)
def test_what_is_finer_than_its_currency_is_said_and_not_rounded(amount: object, currency: str) -> None:
    with pytest.raises(Problem, match=f"is no amount in {currency}"):
        minor(amount, currency)


def test_paystack_counts_hundredths_of_what_has_none() -> None:
    assert rescaled(1000, "XOF", 2) == 100_000
    assert restored(100_000, "XOF", 2) == 1000
    with pytest.raises(Problem, match="no amount in XOF"):
        restored(100_050, "XOF", 2)


@pytest.mark.parametrize(
    ("amount", "currency", "count"),
    [
        (1250, "USD", 1250),
        (1250, "JPY", 1250),
        (1250, "UGX", 125_000),
        (1250, "ISK", 125_000),
        (1250, "KWD", 1250),
        (1200, "MGA", 12),
    ],
)
def test_stripe_counts_its_special_cases_as_it_documents_them(amount: int, currency: str, count: int) -> None:
    assert stripe.count(amount, currency) == count
    assert restored(count, currency, stripe.PLACES.get(currency, digits(currency))) == amount


@pytest.mark.parametrize(("amount", "currency"), [(1255, "KWD"), (1250, "MGA")])
def test_what_stripe_cannot_count_is_not_sent(amount: int, currency: str) -> None:
    with pytest.raises(Problem, match=currency):
        stripe.count(amount, currency)
