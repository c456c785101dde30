"""Which amounts can be charged: https://docs.stripe.com/currencies.

Amounts are in the smallest unit that Stripe has for a currency, which is not always ISO's: ISK and UGX have no decimals
any more and are still written with two, which have to be 00; currencies with three decimals end in 0.
"""

from tests.emulators.stripe.refusals import Refused, invalid

_LARGEST = 99_999_999
"""Eight digits, which is what card networks take."""

_TWO_DECIMALS = """
    aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny cop crc cve
    czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr ils inr isk jmd kes kgs khr kyd kzt
    lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln
    qar ron rsd rub sar sbd scr sek sgd shp sle sos srd std szl thb tjs top try ttd twd tzs uah ugx usd uyu uzs wst xcd
    xcg yer zar zmw
"""
_WITHOUT_DECIMALS = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
_THREE_DECIMALS = "bhd jod kwd omr tnd"

_STEPS = dict.fromkeys(_THREE_DECIMALS.split(), 10) | {"isk": 100, "ugx": 100}
"""What an amount has to be a multiple of."""
CURRENCIES = frozenset((_TWO_DECIMALS + _WITHOUT_DECIMALS + " " + _THREE_DECIMALS).split())

_SMALLEST = {
    "aed": 200,
    "aud": 50,
    "bgn": 100,
    "brl": 50,
    "cad": 50,
    "chf": 50,
    "czk": 15_00,
    "dkk": 2_50,
    "eur": 50,
    "gbp": 30,
    "hkd": 4_00,
    "huf": 175_00,
    "inr": 50,
    "jpy": 50,
    "mxn": 10_00,
    "myr": 2_00,
    "nok": 3_00,
    "nzd": 50,
    "pln": 2_00,
    "ron": 2_00,
    "sek": 3_00,
    "sgd": 50,
    "thb": 10_00,
    "usd": 50,
}
"""Where the page names none, half a US dollar at the day's rate is; the emulator knows no rates and takes 1."""


def check_currency(currency: str) -> None:
    if currency not in CURRENCIES:
        raise invalid(f"Invalid currency: {currency}", param="currency")


def check_charge_amount(amount: int, currency: str) -> None:
    """Refused unless that much can be charged."""
    check_currency(currency)
    if amount < 1:
        raise invalid("An amount is at least 1.", param="amount", code="parameter_invalid_integer")
    if amount > _LARGEST:
        raise invalid(f"An amount is at most {_LARGEST}.", param="amount", code="amount_too_large")
    check_step(amount, currency, param="amount")
    smallest = _SMALLEST.get(currency, 1)
    if amount < smallest:
        raise invalid(f"An amount in {currency} is at least {smallest}.", param="amount", code="amount_too_small")


def check_step(amount: int, currency: str, *, param: str) -> None:
    """Refused where the amount has more decimals than the currency."""
    step = _STEPS.get(currency, 1)
    if amount % step:
        raise _uneven(currency, step, param)


def _uneven(currency: str, step: int, param: str) -> Refused:
    return invalid(f"Amounts in {currency} are multiples of {step}.", param=param)
