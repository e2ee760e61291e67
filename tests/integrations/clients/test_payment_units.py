"""An amount means the same to the panel and to each provider, for every number of decimal places."""

from __future__ import annotations

import pytest

from integrations.clients.payments import stripe
from integrations.clients.payments.units import (
    format_amount,
    minor_unit_digits,
    rescale_minor_units,
    restore_minor_units,
    to_major_units,
    to_minor_units,
)
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
def test_minor_units_convert_to_major_units_and_back(amount: int, currency: str, units: str) -> None:
    assert to_major_units(amount, currency) == units
    assert to_minor_units(units, currency) == amount
    assert format_amount(amount, currency) == f"{units} {currency}"


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
def test_an_amount_finer_than_its_currency_is_refused_and_not_rounded(amount: object, currency: str) -> None:
    with pytest.raises(Problem, match=f"is no amount in {currency}"):
        to_minor_units(amount, currency)


def test_paystack_counts_hundredths_of_currencies_without_minor_units() -> None:
    assert rescale_minor_units(1000, "XOF", 2) == 100_000
    assert restore_minor_units(100_000, "XOF", 2) == 1000
    with pytest.raises(Problem, match="no amount in XOF"):
        restore_minor_units(100_050, "XOF", 2)


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
    assert stripe.to_stripe_amount(amount, currency) == count
    assert (
        restore_minor_units(count, currency, stripe.PLACES.get(currency, minor_unit_digits(currency)))
        == amount
    )


@pytest.mark.parametrize(("amount", "currency"), [(1255, "KWD"), (1250, "MGA")])
def test_an_amount_that_stripe_cannot_express_is_refused(amount: int, currency: str) -> None:
    with pytest.raises(Problem, match=currency):
        stripe.to_stripe_amount(amount, currency)
