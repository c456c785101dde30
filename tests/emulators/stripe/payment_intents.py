"""PaymentIntents: https://docs.stripe.com/api/payment_intents and https://docs.stripe.com/payments/paymentintents/lifecycle."""

from tests.emulators.stripe.account import Account, Progress
from tests.emulators.stripe.amounts import check_charge_amount, check_step
from tests.emulators.stripe.calls import Call, given, shipping
from tests.emulators.stripe.cards import AfterCharge
from tests.emulators.stripe.charges import authorized, captured, declined, fate_of, released
from tests.emulators.stripe.declines import BLOCKED, DECLINES, Decline, card_error
from tests.emulators.stripe.disputes import opened
from tests.emulators.stripe.intents import (
    CARD_OPTIONS,
    attached_to_customer,
    automatic_payment_methods,
    card_options,
    check_return_url,
    chosen_method,
    client_secret,
    failed_authentication,
    next_action,
    only_with_confirm,
    wants_authentication,
)
from tests.emulators.stripe.jsontext import copied
from tests.emulators.stripe.lists import matching, page
from tests.emulators.stripe.parameters import merged
from tests.emulators.stripe.payment_methods import check_unspent
from tests.emulators.stripe.refusals import Json, Refused, invalid, unexpected_state

_OPTIONS: Json = {**CARD_OPTIONS, "installments": None}
_UNCONFIRMED = ("requires_payment_method", "requires_confirmation")
_OPEN = (*_UNCONFIRMED, "requires_action")
_TEXTS = ("description", "receipt_email", "statement_descriptor", "statement_descriptor_suffix")
_LONGEST_DESCRIPTOR = 22
_NOT_IN_A_DESCRIPTOR = frozenset("<>\\'\"*")


def create(call: Call) -> Json:
    account, asked = call.account, call.asked
    check_charge_amount(asked["amount"], asked["currency"])
    only_with_confirm(asked, "error_on_requires_action", "off_session", "return_url")
    _check_descriptors(asked)
    if "customer" in asked:
        account.customer(asked["customer"])
    id = account.new_id("payment_intent")
    intent: Json = {
        "id": id,
        "object": "payment_intent",
        "allowed_payment_method_types": asked.get("allowed_payment_method_types"),
        "amount": asked["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": automatic_payment_methods(asked),
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": asked.get("capture_method", "automatic_async"),
        "client_secret": client_secret(account, id),
        "confirmation_method": asked.get("confirmation_method", "automatic"),
        "created": account.now,
        "currency": asked["currency"],
        "customer": asked.get("customer"),
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "managed_payments": None,
        "metadata": merged({}, asked.get("metadata")),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": {"id": "pmc_emulator", "parent": None},
        "payment_method_options": card_options(asked, _OPTIONS),
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": asked.get("setup_future_usage"),
        "shipping": shipping(asked.get("shipping")),
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
        **given(asked, *_TEXTS),
    }
    if asked.get("confirm"):
        check_return_url(intent, asked)
    method = chosen_method(account, intent, asked)
    if method is None and asked.get("confirm"):
        raise _without_method()
    if method is not None:
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    account.add(intent)
    account.progress[id] = Progress()
    account.tell("payment_intent.created", intent)
    return _confirm(account, intent, asked) if asked.get("confirm") else intent


def retrieve(call: Call) -> Json:
    return call.account.get("payment_intent", call.id, param="intent")


def list_all(call: Call) -> Json:
    found = matching(call.account.all("payment_intent"), call.asked, "customer")
    return page(found, call.asked, url="/v1/payment_intents")


def update(call: Call) -> Json:
    """What was said of the money only until it is confirmed; the rest at any time."""
    account, asked = call.account, call.asked
    intent = retrieve(call)
    if set(asked) - {"description", "metadata", "receipt_email", "shipping"} and intent["status"] not in _OPEN:
        raise _wrong_state(intent, "updated", _OPEN)
    _check_descriptors(asked)
    money = intent | given(asked, "amount", "currency")
    check_charge_amount(money["amount"], money["currency"])
    if asked.get("customer"):
        account.customer(asked["customer"])
    method = chosen_method(account, intent | given(asked, "customer"), asked)
    intent |= given(asked, "amount", "currency", "customer", "capture_method", "setup_future_usage", *_TEXTS)
    if "payment_method_options" in asked:
        intent["payment_method_options"] = card_options(asked, intent["payment_method_options"]["card"])
    if "shipping" in asked:
        intent["shipping"] = shipping(asked["shipping"] or None)
    intent["metadata"] = merged(intent["metadata"], asked.get("metadata"))
    if method is not None and asked.get("payment_method"):
        intent |= {"payment_method": method["id"], "status": "requires_confirmation", "next_action": None}
    return intent


def confirm(call: Call) -> Json:
    account, asked = call.account, call.asked
    intent = retrieve(call)
    again = intent["status"] == "requires_action" and "payment_method" in asked
    if intent["status"] not in _UNCONFIRMED and not again:
        raise _wrong_state(intent, "confirmed", _UNCONFIRMED)
    if not account.progress[intent["id"]].authenticated:
        check_return_url(intent, asked)
    method = chosen_method(account, intent, asked)
    if method is None:
        raise _without_method(payment_intent=copied(intent))
    if "payment_method_options" in asked:
        intent["payment_method_options"] = card_options(asked, intent["payment_method_options"]["card"])
    intent |= given(asked, "capture_method", "receipt_email", "setup_future_usage")
    if intent["payment_method"] != method["id"]:
        intent["payment_method"] = method["id"]
        account.progress[intent["id"]].authenticated = False
    return _confirm(account, intent, asked)


def capture(call: Call) -> Json:
    """Once, all or less: https://docs.stripe.com/payments/place-a-hold-on-a-payment-method."""
    account, asked = call.account, call.asked
    intent = retrieve(call)
    if intent["status"] != "requires_capture":
        raise _wrong_state(intent, "captured", ("requires_capture",))
    if asked.get("final_capture") is False:
        raise invalid("This charge can be captured once only.", param="final_capture")
    most: int = intent["amount_capturable"]
    amount: int = asked.get("amount_to_capture", most)
    if amount < 1:
        raise invalid("An amount is at least 1.", param="amount_to_capture", code="parameter_invalid_integer")
    check_step(amount, intent["currency"], param="amount_to_capture")
    if amount > most:
        raise invalid(f"At most {most} can be captured.", code="amount_too_large", payment_intent=copied(intent))
    _check_descriptors(asked)
    intent["metadata"] = merged(intent["metadata"], asked.get("metadata"))
    charge = account.get("charge", intent["latest_charge"])
    captured(account, charge, amount)
    intent |= {"status": "succeeded", "amount_capturable": 0, "amount_received": amount}
    _afterwards(account, charge)
    account.tell("payment_intent.succeeded", intent)
    return intent


def cancel(call: Call) -> Json:
    """At any time before money was taken; what is held is given back."""
    account, intent = call.account, retrieve(call)
    if intent["status"] not in (*_OPEN, "requires_capture"):
        raise _wrong_state(intent, "canceled", (*_OPEN, "requires_capture"))
    if intent["status"] == "requires_capture":
        charge = account.get("charge", intent["latest_charge"])
        released(account, charge, intent["amount_capturable"], reason=None)
        account.tell("charge.refunded", charge)
    _close(account, intent, reason=call.asked.get("cancellation_reason"))
    return intent


# --- confirming -------------------------------------------------------------------------------------------------------


def _confirm(account: Account, intent: Json, asked: Json) -> Json:
    """Refused with a card's error when it is declined; the intent then waits for another payment method."""
    method = account.get("payment_method", intent["payment_method"])
    check_unspent(account, method)
    progress = account.progress[intent["id"]]
    progress.return_url, progress.uses_sdk = asked.get("return_url"), bool(asked.get("use_stripe_sdk"))
    off_session = bool(asked.get("off_session"))
    asked_for = intent["payment_method_options"]["card"]["request_three_d_secure"]
    wanted = wants_authentication(account.cards[method["id"]], off_session=off_session, asked_for=asked_for)
    if wanted and not progress.authenticated:
        if off_session or asked.get("error_on_requires_action"):
            raise _fail(account, intent, method, DECLINES["authentication_required"])
        intent |= {"status": "requires_action", "next_action": next_action(account, intent)}
        account.tell("payment_intent.requires_action", intent)
        return intent
    refused = _charge(account, intent, method)
    if refused is not None:
        raise refused
    return intent


def authenticated(account: Account, intent: Json, *, succeeded: bool) -> None:
    """The customer has been at the bank's page."""
    method = account.get("payment_method", intent["payment_method"])
    intent["next_action"] = None
    if not succeeded:
        refused = failed_authentication("payment_intent", method)
        _wait_for_another(account, intent, refused)
        return
    account.progress[intent["id"]].authenticated = True
    if intent["confirmation_method"] == "manual":
        intent["status"] = "requires_confirmation"
        return
    _charge(account, intent, method)


def _charge(account: Account, intent: Json, method: Json) -> Refused | None:
    """Ask the bank for the money; the error where it says no."""
    held, progress = account.cards[method["id"]], account.progress[intent["id"]]
    forced, account.forced_decline = account.forced_decline, None
    code = forced or held.card.decline_code
    decline = DECLINES[code] if code else BLOCKED if held.card.blocked else None
    if decline is not None:
        return _fail(account, intent, method, decline)
    if intent["setup_future_usage"] is not None:
        held.set_up = held.set_up or progress.authenticated
        attached_to_customer(account, intent, method)
    if method["customer"] is None and intent["setup_future_usage"] is None:
        held.spent = True
    charge = authorized(account, intent, method, authenticated=progress.authenticated)
    intent |= {"latest_charge": charge["id"], "next_action": None, "last_payment_error": None}
    if intent["capture_method"] == "manual":
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        account.tell("payment_intent.amount_capturable_updated", intent)
        account.later(account.pace.hold_seconds, lambda: _expire(account, intent))
        return None
    intent |= {"status": "succeeded", "amount_received": intent["amount"]}
    _afterwards(account, charge)
    account.tell("payment_intent.succeeded", intent)
    return None


def _fail(account: Account, intent: Json, method: Json, decline: Decline) -> Refused:
    """A charge that failed, an intent that waits for another payment method, and the error that says so."""
    progress = account.progress[intent["id"]]
    charge = declined(account, intent, method, decline, authenticated=progress.authenticated)
    intent["latest_charge"] = charge["id"]
    refused = card_error(decline, payment_method=copied(method), charge=charge["id"])
    _wait_for_another(account, intent, refused)
    return refused.about(payment_intent=copied(intent))


def _wait_for_another(account: Account, intent: Json, refused: Refused) -> None:
    account.progress[intent["id"]].authenticated = False
    intent |= {
        "last_payment_error": refused.error(),
        "next_action": None,
        "payment_method": None,
        "status": "requires_payment_method",
    }
    account.tell("payment_intent.payment_failed", intent)


def _afterwards(account: Account, charge: Json) -> None:
    """Some cards are known for their disputes."""
    match fate_of(account, charge):
        case AfterCharge.DISPUTE:
            opened(account, charge, reason="fraudulent")
        case AfterCharge.DISPUTE_NOT_RECEIVED:
            opened(account, charge, reason="product_not_received")
        case AfterCharge.INQUIRY:
            opened(account, charge, reason="fraudulent", inquiry=True)


# --- canceling --------------------------------------------------------------------------------------------------------


def _expire(account: Account, intent: Json) -> None:
    """What was not captured in time goes back by itself."""
    if intent["status"] != "requires_capture":
        return
    charge = account.get("charge", intent["latest_charge"])
    released(account, charge, intent["amount_capturable"], reason="expired_uncaptured_charge")
    account.tell("charge.expired", charge)
    _close(account, intent, reason="automatic")


def _close(account: Account, intent: Json, *, reason: str | None) -> None:
    intent |= {
        "amount_capturable": 0,
        "canceled_at": account.now,
        "cancellation_reason": reason,
        "next_action": None,
        "status": "canceled",
    }
    account.tell("payment_intent.canceled", intent)


# --- refusals ---------------------------------------------------------------------------------------------------------


def _wrong_state(intent: Json, what: str, states: tuple[str, ...]) -> Refused:
    return unexpected_state(
        f"A PaymentIntent in {intent['status']} cannot be {what}; it would have to be in {', '.join(states)}.",
        payment_intent=copied(intent),
    )


def _without_method(**details: Json) -> Refused:
    return unexpected_state("A PaymentIntent without a payment method cannot be confirmed.", **details)


def _check_descriptors(asked: Json) -> None:
    """https://docs.stripe.com/get-started/account/statement-descriptors."""
    for name in ("statement_descriptor", "statement_descriptor_suffix"):
        text = asked.get(name)
        if not text:
            continue
        if name == "statement_descriptor":
            raise invalid("Cards take a statement_descriptor_suffix only.", param=name)
        if len(text) > _LONGEST_DESCRIPTOR or set(text) & _NOT_IN_A_DESCRIPTOR or text.isdecimal():
            raise invalid(f"Invalid statement descriptor: {text}", param=name, code="parameter_invalid_string_format")
