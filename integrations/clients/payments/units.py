"""Amounts of money: the minor units of each currency, and conversions for providers that count otherwise.

Amounts are minor units of ISO 4217 everywhere in the panel: 1250 is 12.50 GHS, 1250 JPY, 1.250 KWD.
"""

from __future__ import annotations

from decimal import Decimal

from integrations.errors import Problem

#: ISO 4217: currencies without minor units, and those with three decimal places
WITHOUT_MINOR_UNITS = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF"}
    | {"XPF"}
)
THREE_PLACES = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


def minor_unit_digits(currency: str) -> int:
    """The number of decimal places of a currency: 0, 2 or 3."""
    return 0 if currency in WITHOUT_MINOR_UNITS else 3 if currency in THREE_PLACES else 2


def to_major_units(minor: int, currency: str) -> str:
    """1250 GHS → “12.50”, 1250 JPY → “1250”."""
    return str(Decimal(minor).scaleb(-minor_unit_digits(currency)))


def to_minor_units(amount: object, currency: str) -> int:
    """“12.50” or 12.5 GHS → 1250. Raises `Problem` for what is no amount, or is finer than the currency."""
    return _scale_exactly(amount, minor_unit_digits(currency), currency)


def format_amount(amount: int, currency: str) -> str:
    """Minor units for people: “12.50 GHS”."""
    return f"{to_major_units(amount, currency)} {currency}"


def rescale_minor_units(amount: int, currency: str, places: int) -> int:
    """Minor units of ISO 4217 → units of a provider that uses ``places`` decimal places for the currency.

    Raises `Problem` where the provider cannot express the amount: 0.01 MGA at Stripe, which has no places.
    """
    return _scale_exactly(Decimal(amount).scaleb(-minor_unit_digits(currency)), places, currency)


def restore_minor_units(count: int, currency: str, places: int) -> int:
    """The inverse of `rescale_minor_units`. Raises `Problem` for a count that is finer than the currency."""
    return to_minor_units(Decimal(count).scaleb(-places), currency)


def _scale_exactly(amount: object, places: int, currency: str) -> int:
    try:
        exact = Decimal(str(amount)).scaleb(places)
        if exact == exact.to_integral_value():
            return int(exact)
    except (ArithmeticError, ValueError):
        pass
    raise Problem(
        f"“{amount}” is no amount in {currency}, which has {places} digits behind the point here.",
        means="Rounding it would hide money that is too much or too little.",
        next="Take an amount that this currency has; if a provider said it, look into its dashboard.",
    )
