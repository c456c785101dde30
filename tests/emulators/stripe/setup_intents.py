"""SetupIntents, which keep a card for later without charging it: https://docs.stripe.com/api/setup_intents."""

from tests.emulators.stripe.account import Account, Progress
from tests.emulators.stripe.calls import Call, given
from tests.emulators.stripe.declines import DECLINES, card_error
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
from tests.emulators.stripe.payment_methods import check_unspent, setup_decline
from tests.emulators.stripe.refusals import Json, Refused, unexpected_state

_UNCONFIRMED = ("requires_payment_method", "requires_confirmation")
_OPEN = (*_UNCONFIRMED, "requires_action")


def create(call: Call) -> Json:
    account, asked = call.account, call.asked
    only_with_confirm(asked, "return_url")
    if "customer" in asked:
        account.customer(asked["customer"])
    id = account.new_id("setup_intent")
    intent: Json = {
        "id": id,
        "object": "setup_intent",
        "allowed_payment_method_types": asked.get("allowed_payment_method_types"),
        "application": None,
        "automatic_payment_methods": automatic_payment_methods(asked),
        "cancellation_reason": None,
        "client_secret": client_secret(account, id),
        "created": account.now,
        "customer": asked.get("customer"),
        "customer_account": None,
        "description": asked.get("description"),
        "excluded_payment_method_types": None,
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "mandate": None,
        "metadata": merged({}, asked.get("metadata")),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": {"id": "pmc_emulator", "parent": None},
        "payment_method_options": card_options(asked, CARD_OPTIONS),
        "payment_method_types": ["card"],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": asked.get("usage", "off_session"),
    }
    if asked.get("confirm"):
        check_return_url(intent, asked)
    method = chosen_method(account, intent, asked)
    if method is None and asked.get("confirm"):
        raise _without_method(intent)
    if method is not None:
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    account.add(intent)
    account.progress[id] = Progress()
    account.tell("setup_intent.created", intent)
    return _confirm(account, intent, asked) if asked.get("confirm") else intent


def retrieve(call: Call) -> Json:
    return call.account.get("setup_intent", call.id, param="intent")


def list_all(call: Call) -> Json:
    found = matching(call.account.all("setup_intent"), call.asked, "customer", "payment_method")
    return page(found, call.asked, url="/v1/setup_intents")


def update(call: Call) -> Json:
    account, asked = call.account, call.asked
    intent = retrieve(call)
    if set(asked) - {"description", "metadata"} and intent["status"] not in _OPEN:
        raise _wrong_state(intent, "updated", _OPEN)
    if "customer" in asked:
        account.customer(asked["customer"])
    method = chosen_method(account, intent | given(asked, "customer"), asked)
    intent |= given(asked, "customer", "description")
    intent["metadata"] = merged(intent["metadata"], asked.get("metadata"))
    if method is not None and asked.get("payment_method"):
        intent |= {"payment_method": method["id"], "status": "requires_confirmation", "next_action": None}
    return intent


def confirm(call: Call) -> Json:
    account, asked = call.account, call.asked
    intent = retrieve(call)
    if intent["status"] not in _UNCONFIRMED:
        raise _wrong_state(intent, "confirmed", _UNCONFIRMED)
    check_return_url(intent, asked)
    method = chosen_method(account, intent, asked)
    if method is None:
        raise _without_method(intent)
    if "payment_method_options" in asked:
        intent["payment_method_options"] = card_options(asked, intent["payment_method_options"]["card"])
    intent["payment_method"] = method["id"]
    return _confirm(account, intent, asked)


def cancel(call: Call) -> Json:
    account, intent = call.account, retrieve(call)
    if intent["status"] not in _OPEN:
        raise _wrong_state(intent, "canceled", _OPEN)
    intent |= {
        "cancellation_reason": call.asked.get("cancellation_reason"),
        "next_action": None,
        "status": "canceled",
    }
    account.tell("setup_intent.canceled", intent)
    return intent


def list_attempts(call: Call) -> Json:
    found = matching(call.account.all("setup_attempt"), call.asked, "setup_intent")
    return page(found, call.asked, url="/v1/setup_attempts")


# --- confirming -------------------------------------------------------------------------------------------------------


def _confirm(account: Account, intent: Json, asked: Json) -> Json:
    method = account.get("payment_method", intent["payment_method"])
    check_unspent(account, method)
    progress = account.progress[intent["id"]]
    progress.return_url, progress.uses_sdk = asked.get("return_url"), bool(asked.get("use_stripe_sdk"))
    asked_for = intent["payment_method_options"]["card"]["request_three_d_secure"]
    held = account.cards[method["id"]]
    if wants_authentication(held, off_session=False, asked_for=asked_for, setting_up=True):
        intent |= {"status": "requires_action", "next_action": next_action(account, intent)}
        _attempt(account, intent, method, status="requires_action")
        account.tell("setup_intent.requires_action", intent)
        return intent
    refused = _set_up(account, intent, method)
    if refused is not None:
        raise refused
    return intent


def authenticated(account: Account, intent: Json, *, succeeded: bool) -> None:
    """The customer has been at the bank's page."""
    method = account.get("payment_method", intent["payment_method"])
    intent["next_action"] = None
    if not succeeded:
        _fail(account, intent, method, failed_authentication("setup_intent", method))
        return
    account.cards[method["id"]].set_up = True
    _set_up(account, intent, method)


def _set_up(account: Account, intent: Json, method: Json) -> Refused | None:
    """Ask the bank whether the card is good; the error where it is not."""
    forced, account.forced_decline = account.forced_decline, None
    decline = DECLINES[forced] if forced else setup_decline(account.cards[method["id"]].card)
    if decline is not None:
        refused = card_error(decline, payment_method=copied(method))
        _fail(account, intent, method, refused)
        return refused.about(setup_intent=copied(intent))
    attached_to_customer(account, intent, method)
    intent |= {"last_setup_error": None, "next_action": None, "status": "succeeded"}
    _attempt(account, intent, method, status="succeeded")
    account.tell("setup_intent.succeeded", intent)
    return None


def _fail(account: Account, intent: Json, method: Json, refused: Refused) -> None:
    _attempt(account, intent, method, status="failed", error=refused.error())
    intent |= {
        "last_setup_error": refused.error(),
        "next_action": None,
        "payment_method": None,
        "status": "requires_payment_method",
    }
    account.tell("setup_intent.setup_failed", intent)


def _attempt(account: Account, intent: Json, method: Json, *, status: str, error: Json | None = None) -> None:
    """https://docs.stripe.com/api/setup_attempts; one for each try, which ends as it ends."""
    latest = account.find("setup_attempt", intent["latest_attempt"])
    if latest is not None and latest["status"] == "requires_action":
        latest |= {"status": status, "setup_error": error}
        return
    attempt = account.add(
        {
            "id": account.new_id("setup_attempt"),
            "object": "setup_attempt",
            "application": None,
            "created": account.now,
            "customer": intent["customer"],
            "customer_account": None,
            "flow_directions": None,
            "livemode": False,
            "on_behalf_of": None,
            "payment_method": method["id"],
            "payment_method_details": {
                "card": {
                    "brand": method["card"]["brand"],
                    "checks": dict(method["card"]["checks"]),
                    "country": method["card"]["country"],
                    "exp_month": method["card"]["exp_month"],
                    "exp_year": method["card"]["exp_year"],
                    "fingerprint": method["card"]["fingerprint"],
                    "funding": method["card"]["funding"],
                    "last4": method["card"]["last4"],
                    "network": method["card"]["brand"],
                    "three_d_secure": None,
                    "wallet": None,
                },
                "type": "card",
            },
            "setup_error": error,
            "setup_intent": intent["id"],
            "status": status,
            "usage": intent["usage"],
        }
    )
    intent["latest_attempt"] = attempt["id"]


def _wrong_state(intent: Json, what: str, states: tuple[str, ...]) -> Refused:
    return unexpected_state(
        f"A SetupIntent in {intent['status']} cannot be {what}; it would have to be in {', '.join(states)}.",
        setup_intent=copied(intent),
    )


def _without_method(intent: Json) -> Refused:
    return unexpected_state("A SetupIntent without a payment method cannot be confirmed.", setup_intent=intent)
