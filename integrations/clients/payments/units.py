"""How finely each currency divides, and how an amount is written for who counts otherwise.

Amounts are minor units of ISO 4217 everywhere in the panel: 1250 is 12.50 GHS, 1250 JPY, 1.250 KWD.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from integrations.errors import Problem

#: ISO 4217: currencies without minor units, and those of a thousand
WHOLE = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF"}
    | {"XPF"}
)
THOUSAND = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


def digits(currency: str) -> int:
    """Digits behind the point: 0, 2 or 3."""
    return 0 if currency in WHOLE else 3 if currency in THOUSAND else 2


def major(minor: int, currency: str) -> str:
    """1250 GHS → “12.50”, 1250 JPY → “1250”: what providers take that count in whole units."""
    return str(Decimal(minor).scaleb(-digits(currency)))


def minor(amount: object, currency: str) -> int:
    """“12.50” or 12.5 GHS → 1250. Raises `Problem` for what is no amount, or is finer than the currency."""
    return _whole(amount, digits(currency), currency)


def shown(amount: int, currency: str) -> str:
    """For people: “12.50 GHS”."""
    return f"{major(amount, currency)} {currency}"


def rescaled(amount: int, currency: str, places: int) -> int:
    """Minor units as a provider counts them that has so many digits behind the point for this currency.

    Raises `Problem` where it cannot count that finely: 1 MGA-cent at Stripe, which has none.
    """
    return _whole(Decimal(amount).scaleb(-digits(currency)), places, currency)


def restored(count: int, currency: str, places: int) -> int:
    """The way back from `rescaled`. Raises `Problem` for a count that is finer than the currency."""
    return minor(Decimal(count).scaleb(-places), currency)


def _whole(amount: object, places: int, currency: str) -> int:
    try:
        exact = Decimal(str(amount)).scaleb(places)
        if exact == exact.to_integral_value():
            return int(exact)
    except (InvalidOperation, ValueError, OverflowError):
        pass
    raise Problem(
        f"“{amount}” is no amount in {currency}, which has {places} digits behind the point here.",
        means="Rounding it would hide money that is too much or too little.",
        next="Take an amount that this currency has; if a provider said it, look into its dashboard.",
    )
