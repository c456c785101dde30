"""Refunds: https://docs.stripe.com/api/refunds and https://docs.stripe.com/refunds.

A card's refund succeeds at once and may fail days later; then the money is in the balance again, and the charge is
refunded by that much less. One of the test cards has refunds that are pending first.
"""

from tests.emulators.stripe.account import Account
from tests.emulators.stripe.amounts import check_step
from tests.emulators.stripe.balance import booked
from tests.emulators.stripe.calls import Call
from tests.emulators.stripe.cards import AfterCharge
from tests.emulators.stripe.charges import fate_of, refund_of
from tests.emulators.stripe.jsontext import copied
from tests.emulators.stripe.lists import matching, page
from tests.emulators.stripe.parameters import merged
from tests.emulators.stripe.refusals import Json, invalid


def create(call: Call) -> Json:
    account, asked = call.account, call.asked
    charge = _charge(account, asked)
    left = charge["amount_captured"] - refunded_of(account, charge)
    if left <= 0:
        raise invalid("The charge is refunded already.", code="charge_already_refunded")
    if charge["disputed"] and not _refundable(account, charge):
        raise invalid("The charge is disputed; its money is taken back already.", code="charge_disputed")
    amount = asked.get("amount", left)
    if amount < 1:
        raise invalid("An amount is at least 1.", param="amount", code="parameter_invalid_integer")
    check_step(amount, charge["currency"], param="amount")
    if amount > left:
        raise invalid(f"At most {left} can be refunded.", param="amount")
    refund = account.add(refund_of(account, charge, amount, reason=asked.get("reason")))
    refund["metadata"] = merged({}, asked.get("metadata"))
    fate = fate_of(account, charge)
    if fate is AfterCharge.REFUND_PENDS:
        refund |= {"status": "pending", "pending_reason": "processing"}
    refund["balance_transaction"] = booked(account, "refund", -amount, source=refund)["id"]
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    account.tell("refund.created", refund)
    account.tell("charge.refunded", charge)
    if fate is AfterCharge.REFUND_PENDS:
        account.later(account.pace.refund_seconds, lambda: settle(account, refund))
    if fate is AfterCharge.REFUND_FAILS:
        account.later(account.pace.refund_seconds, lambda: fail(account, refund, "expired_or_canceled_card"))
    return refund


def retrieve(call: Call) -> Json:
    return call.account.get("refund", call.id)


def update(call: Call) -> Json:
    account = call.account
    refund = retrieve(call)
    before = copied(refund)
    refund["metadata"] = merged(refund["metadata"], call.asked.get("metadata"))
    _tell_changed(account, refund, before)
    return refund


def cancel(call: Call) -> Json:
    """For refunds that wait for the customer, which a card's never does."""
    retrieve(call)
    raise invalid("Only refunds that require an action can be canceled.")


def list_all(call: Call) -> Json:
    found = matching(call.account.all("refund"), call.asked, "charge", "payment_intent")
    return page(found, call.asked, url="/v1/refunds")


def refunded_of(account: Account, charge: Json) -> int:
    """What was given back of what was taken."""
    refunds = matching(account.all("refund"), {"charge": charge["id"]}, "charge")
    return sum(refund["amount"] for refund in refunds if counts(refund))


def counts(refund: Json) -> bool:
    """Whether it gives back what was taken; it does not when it failed, or gave back what was only held."""
    return refund["balance_transaction"] is not None and refund["status"] != "failed"


def settle(account: Account, refund: Json) -> None:
    """What was pending has gone through."""
    if refund["status"] != "pending":
        return
    before = copied(refund)
    del refund["pending_reason"]
    refund["status"] = "succeeded"
    _tell_changed(account, refund, before)


def fail(account: Account, refund: Json, reason: str) -> None:
    """The customer's bank has sent the money back."""
    if not counts(refund):
        return
    before = copied(refund)
    refund.pop("pending_reason", None)
    refund |= {"status": "failed", "failure_reason": reason}
    back = booked(account, "refund_failure", refund["amount"], source=refund)
    refund["failure_balance_transaction"] = back["id"]
    charge = account.get("charge", refund["charge"])
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    account.tell("refund.failed", refund)
    _tell_changed(account, refund, before)


def _charge(account: Account, asked: Json) -> Json:
    """The charge that is to be refunded; Refused where no money was taken with it."""
    if ("charge" in asked) == ("payment_intent" in asked):
        raise invalid(
            "Give either charge or payment_intent.",
            code="parameter_missing" if "charge" not in asked else "parameters_exclusive",
            param="charge",
        )
    if "charge" in asked:
        charge = account.get("charge", asked["charge"])
    else:
        intent = account.named("payment_intent", asked["payment_intent"], param="payment_intent")
        if intent["status"] != "succeeded":
            raise invalid("The PaymentIntent has no charge that succeeded.", param="payment_intent")
        charge = account.get("charge", intent["latest_charge"])
    if not charge["captured"]:
        raise invalid("The charge took no money that could be refunded.", param="charge")
    return charge


def _refundable(account: Account, charge: Json) -> bool:
    disputes = [dispute for dispute in account.all("dispute") if dispute["charge"] == charge["id"]]
    return all(dispute["is_charge_refundable"] for dispute in disputes)


def _tell_changed(account: Account, refund: Json, before: Json) -> None:
    account.tell("refund.updated", refund, before=before)
    account.tell("charge.refund.updated", refund, before=before)
