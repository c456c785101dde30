"""What the Piggy Bank says, in the words of the port: what it can do, its amounts, its refusals, its answers."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from domain import provider as port
from domain.declines import DeclineCode
from domain.money import Money
from domain.provider import Outcome, ProviderAction, Refusal, Support

Json = dict[str, Any]

NATIVE = {
    ProviderAction.ATTACH_PAYMENT_METHOD,
    ProviderAction.DETACH_PAYMENT_METHOD,
    ProviderAction.CHARGE,
    ProviderAction.REFUND,
    ProviderAction.PARTIAL_REFUND,
    ProviderAction.LOOK_UP,
}
EMULATED = {
    ProviderAction.FORGET_CUSTOMER: "The bank is told no names. Its customer is closed, and their cards are dropped.",
    ProviderAction.LIST_CHANGES: "The bank shows all that it ever did; what did not change since is left out here.",
}
MISSING = "The bank has nothing of the kind."


def declared(action: ProviderAction) -> port.Capability:
    if action in NATIVE:
        return port.Capability(action, Support.NATIVE)
    note = EMULATED.get(action)
    return port.Capability(action, Support.EMULATED if note else Support.UNSUPPORTED, note or MISSING)


# --- amounts --------------------------------------------------------------------------------------------------------

DECIMALS = {"USD": 2, "EUR": 2, "KWD": 2, "JPY": 0, "ISK": 0, "KRW": 0, "UGX": 0, "MGA": 0}
"""With how many decimals the bank writes a currency. ISO 4217 has three for KWD, and two for MGA."""


def text_of(amount: Money) -> str | None:
    """As the bank writes it; None for what it cannot write."""
    decimals = DECIMALS.get(amount.currency)
    if decimals is None or amount.decimal != round(amount.decimal, decimals):
        return None
    return f"{amount.decimal:.{decimals}f}"


def least_of(currency: str) -> Money:
    """The bank charges everything that it can write."""
    return Money(10 ** (Money.zero(currency).exponent - DECIMALS[currency]), currency)


def money_of(text: str, currency: str) -> Money:
    units = Decimal(text).scaleb(Money.zero(currency).exponent)
    if units != int(units):
        raise ValueError(f"{text} {currency}")
    return Money(int(units), currency)


# --- refusals -------------------------------------------------------------------------------------------------------

CANNOT = Refusal(MISSING)
NO_SUCH_AMOUNT = Refusal("The bank cannot write this amount.")

DECLINES = {
    "empty": DeclineCode.INSUFFICIENT_FUNDS,
    "lost": DeclineCode.LOST_OR_STOLEN,
    "asleep": DeclineCode.PROCESSING_ERROR,
}
"""The bank's reasons in our words. Another one is a decline all the same, and nobody knows what for."""


class No(Exception):
    """It was not done, or nobody knows whether it was. The adapter raises and catches it; nobody else sees it."""

    def __init__(self, outcome: Outcome, message: str, **more: Any) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.refusal = Refusal(message, **more)


def refused(status: int, code: str) -> No:
    """What the bank means where it answers with an error."""
    if status == 429:
        return No(Outcome.NOT_SENT, "The bank wants to be left alone.", provider_code=code)
    if status == 409:
        # Something was sent under this key before, and what became of that nobody has said.
        return No(Outcome.UNKNOWN, "The key has another request.", provider_code=code, is_key_spent=True)
    if status in (400, 404):
        return No(Outcome.FAILED, "The bank refuses this.", provider_code=code)
    return No(Outcome.UNKNOWN, "The bank is not well.", provider_code=code, is_outage=True)


# --- answers --------------------------------------------------------------------------------------------------------


def customer_of(told: Json) -> port.CustomerResult:
    return port.CustomerResult(outcome=Outcome.SUCCEEDED, customer_ref=told["customer"])


def card_of(told: Json) -> port.PaymentMethodResult:
    year, month = told["good_until"].split("-")
    return port.PaymentMethodResult(
        outcome=Outcome.SUCCEEDED,
        payment_method_ref=told["card"],
        card=port.Card(port.CardBrand(told["brand"].upper()), told["number"][-4:], int(month), int(year)),
        card_fingerprint=told["same_number"],
    )


def dropped_of(told: Json) -> port.PaymentMethodResult:
    return port.PaymentMethodResult(outcome=Outcome.SUCCEEDED, payment_method_ref=told["dropped"])


def charge_of(told: Json) -> port.ChargeResult:
    asked, nothing = money_of(told["amount"], told["currency"]), Money.zero(told["currency"])
    is_paid = {"paid": True, "no": False}[told["state"]]
    decline = DECLINES.get(told["reason"], DeclineCode.GENERIC_DECLINE)
    return port.ChargeResult(
        outcome=Outcome.SUCCEEDED if is_paid else Outcome.DECLINED,
        charge_ref=told["ref"],
        operation_id=told["key"],
        authorized=asked if is_paid else nothing,
        captured=asked if is_paid else nothing,
        refunded=money_of(told["given_back"], told["currency"]),
        refusal=None if is_paid else Refusal("The bank says no.", decline, provider_code=told["reason"]),
        raw={"state": told["state"], "reason": told["reason"]},
    )


def refund_of(told: Json) -> port.RefundResult:
    return port.RefundResult(
        outcome={"given_back": Outcome.SUCCEEDED}[told["state"]],
        refund_ref=told["ref"],
        operation_id=told["key"],
        amount=money_of(told["amount"], told["currency"]),
        raw={"state": told["state"]},
    )


def listed_charge(told: Json) -> port.ListedCharge:
    return port.ListedCharge(
        charge_ref=told["ref"],
        made_at=datetime.fromisoformat(told["made"]),
        livemode=False,
        order_id=told["note"].get("paydesk_order"),
        charge_id=told["note"].get("paydesk_charge"),
        picture=charge_of(told),
    )


def listed_refund(told: Json) -> port.ListedRefund:
    return port.ListedRefund(
        refund_ref=told["ref"],
        made_at=datetime.fromisoformat(told["made"]),
        livemode=False,
        refund_id=told["note"].get("paydesk_refund"),
        charge_ref=told["payment"],
        picture=refund_of(told),
    )
