"""Charges, which PaymentIntents make: https://docs.stripe.com/api/charges.

What an authorization held and was not captured counts as refunded, in `amount_refunded` and with a refund of its own
that has no balance transaction: so it is when an intent is canceled, when its hold expires, and with what a partial
capture leaves.
"""

from tests.emulators.stripe.account import Account
from tests.emulators.stripe.balance import booked, charge_fee, skip_pending
from tests.emulators.stripe.calls import Call, given, shipping
from tests.emulators.stripe.cards import AfterCharge, KnownCard
from tests.emulators.stripe.declines import Decline
from tests.emulators.stripe.jsontext import copied
from tests.emulators.stripe.lists import matching, page, whole
from tests.emulators.stripe.parameters import merged
from tests.emulators.stripe.payment_methods import fingerprint
from tests.emulators.stripe.refusals import Json

_THREE_D_SECURE = {
    "authentication_flow": "challenge",
    "electronic_commerce_indicator": "05",
    "exemption_indicator": None,
    "result": "authenticated",
    "result_reason": None,
    "transaction_id": "00000000-0000-4000-8000-000000000000",
    "version": "2.2.0",
}


def retrieve(call: Call) -> Json:
    return call.account.get("charge", call.id)


def update(call: Call) -> Json:
    account, asked = call.account, call.asked
    charge = account.get("charge", call.id)
    before = copied(charge)
    charge |= given(asked, "description", "receipt_email", "transfer_group")
    if "shipping" in asked:
        charge["shipping"] = shipping(asked["shipping"] or None)
    charge["metadata"] = merged(charge["metadata"], asked.get("metadata"))
    account.tell("charge.updated", charge, before=before)
    return charge


def list_all(call: Call) -> Json:
    found = matching(call.account.all("charge"), call.asked, "customer", "payment_intent")
    return page(found, call.asked, url="/v1/charges")


def refunds_of(account: Account, charge: Json) -> Json:
    """The list that an answer has only where it is expanded."""
    refunds = [refund for refund in account.all("refund") if refund["charge"] == charge["id"]]
    return whole(refunds, url=f"/v1/charges/{charge['id']}/refunds")


# --- for the intents --------------------------------------------------------------------------------------------------


def authorized(account: Account, intent: Json, method: Json, *, authenticated: bool) -> Json:
    """A charge that the bank holds the amount for, and that is captured unless the intent leaves that for later."""
    manual = intent["capture_method"] == "manual"
    charge = _charge(account, intent, method, status="succeeded", authenticated=authenticated)
    charge["paid"] = True
    card = charge["payment_method_details"]["card"]
    card["amount_authorized"] = intent["amount"]
    card["authorization_code"] = charge["authorization_code"] = account.letters(6).upper()
    if manual:
        card["capture_before"] = account.now + account.pace.hold_seconds
    elif intent["capture_method"] == "automatic":
        _capture(account, charge, charge["amount"])
    else:
        _capture(account, charge, charge["amount"], books_later=True)
    account.tell("charge.succeeded", charge)
    return charge


def declined(account: Account, intent: Json, method: Json, decline: Decline, *, authenticated: bool) -> Json:
    charge = _charge(account, intent, method, status="failed", authenticated=authenticated)
    blocked = account.cards[method["id"]].card.blocked
    charge["failure_code"] = decline.code
    charge["failure_message"] = decline.message
    charge["outcome"] |= {
        "advice_code": decline.advice_code,
        "network_decline_code": decline.network_decline_code,
        "network_status": "not_sent_to_network" if blocked else "declined_by_network",
        "reason": "highest_risk_level" if blocked else decline.decline_code,
        "seller_message": decline.message,
        "type": "blocked" if blocked else "issuer_declined",
    }
    account.tell("charge.failed", charge)
    return charge


def captured(account: Account, charge: Json, amount: int) -> None:
    """Take that much of what is held; the rest is given back."""
    _capture(account, charge, amount)
    left = charge["amount"] - amount
    if left:
        released(account, charge, left, reason=None)
    account.tell("charge.captured", charge)


def released(account: Account, charge: Json, amount: int, *, reason: str | None) -> None:
    """Give back what was held and not taken."""
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    account.add(refund_of(account, charge, amount, reason=reason, destination="reversal"))


def refund_of(account: Account, charge: Json, amount: int, *, reason: str | None, destination: str = "refund") -> Json:
    """The object of a refund, https://docs.stripe.com/api/refunds, which has succeeded and is booked nowhere yet."""
    return {
        "id": account.new_id("refund"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": account.now,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {"card": {"type": destination}, "type": "card"},
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


def _capture(account: Account, charge: Json, amount: int, *, books_later: bool = False) -> None:
    charge["captured"] = True
    charge["amount_captured"] = amount

    def book() -> None:
        transaction = booked(account, "charge", amount, source=charge, fee=charge_fee(amount))
        charge["balance_transaction"] = transaction["id"]
        if fate_of(account, charge) is AfterCharge.AVAILABLE:
            skip_pending(transaction)

    def book_and_tell() -> None:
        before = copied(charge)
        book()
        account.tell("charge.updated", charge, before=before)

    if books_later:
        account.later(account.pace.booking_seconds, book_and_tell)
    else:
        book()


def _charge(account: Account, intent: Json, method: Json, *, status: str, authenticated: bool) -> Json:
    held = account.cards[method["id"]]
    return account.add(
        {
            "id": account.new_id("charge"),
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": 0,
            "amount_refunded": 0,
            "application": None,
            "application_fee": None,
            "application_fee_amount": None,
            "authorization_code": None,
            "balance_transaction": None,
            "billing_details": copied(method["billing_details"]),
            "calculated_statement_descriptor": _statement(intent),
            "captured": False,
            "created": account.now,
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_balance_transaction": None,
            "failure_code": None,
            "failure_message": None,
            "fraud_details": {},
            "livemode": False,
            "metadata": dict(intent["metadata"]),
            "on_behalf_of": None,
            "outcome": {
                "advice_code": None,
                "network_advice_code": None,
                "network_decline_code": None,
                "network_status": "approved_by_network",
                "reason": None,
                "risk_level": held.card.risk_level,
                "seller_message": "Payment complete.",
                "type": "authorized",
            },
            "paid": False,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": _details(method, held.card, authenticated=authenticated),
            "receipt_email": intent["receipt_email"],
            "receipt_number": None,
            "receipt_url": None,
            "refunded": False,
            "review": None,
            "shipping": copied(intent["shipping"]),
            "source": None,
            "source_transfer": None,
            "statement_descriptor": intent["statement_descriptor"],
            "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
            "status": status,
            "transfer_data": None,
            "transfer_group": None,
        }
    )


def _details(method: Json, card: KnownCard, *, authenticated: bool) -> Json:
    shown = method["card"]
    return {
        "card": {
            "amount_authorized": None,
            "authorization_code": None,
            "brand": shown["brand"],
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": card.postal_code_check,
                "cvc_check": card.cvc_check,
            },
            "country": shown["country"],
            "exp_month": shown["exp_month"],
            "exp_year": shown["exp_year"],
            "extended_authorization": {"status": "disabled"},
            "fingerprint": fingerprint(card),
            "funding": shown["funding"],
            "incremental_authorization": {"status": "unavailable"},
            "installments": None,
            "last4": shown["last4"],
            "mandate": None,
            "multicapture": {"status": "unavailable"},
            "network": shown["brand"],
            "network_token": {"used": False},
            "network_transaction_id": "".join(str(ord(letter) % 10) for letter in method["id"][-15:]),
            "overcapture": {"maximum_amount_capturable": 0, "status": "unavailable"},
            "regulated_status": shown["regulated_status"],
            "three_d_secure": dict(_THREE_D_SECURE) if authenticated else None,
            "transaction_link_id": None,
            "wallet": None,
        },
        "type": "card",
    }


def _statement(intent: Json) -> str:
    suffix = intent["statement_descriptor_suffix"]
    return f"EMULATED* {suffix}" if suffix else "EMULATED"


def fate_of(account: Account, charge: Json) -> AfterCharge:
    """What the card is known to do after a charge."""
    return account.cards[charge["payment_method"]].card.after
