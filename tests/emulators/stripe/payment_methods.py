"""Payment methods, all of them cards: https://docs.stripe.com/api/payment_methods.

`pm_card_visa` and the like stand for a card and not for an object: each use makes a new payment method.
"""

from tests.emulators.stripe.account import Account
from tests.emulators.stripe.calls import Call, address, given
from tests.emulators.stripe.cards import CardOnFile, KnownCard, card_of_number, card_of_payment_method, card_of_token
from tests.emulators.stripe.declines import DECLINES, Decline, card_error
from tests.emulators.stripe.jsontext import copied
from tests.emulators.stripe.lists import matching, page
from tests.emulators.stripe.parameters import merged
from tests.emulators.stripe.refusals import Json, invalid, missing

_EXPIRES_IN_YEARS = 8
_SECONDS_A_YEAR = 31_557_600


def create(call: Call) -> Json:
    """Of a token, or (in a browser, with the publishable key) of a card's number."""
    account, asked = call.account, call.asked
    if asked.get("type", "card") != "card":
        raise invalid("The emulator has cards and nothing else.", param="type")
    card = asked.get("card")
    if not card:
        raise invalid("Missing required param: card.", param="card", code="parameter_missing")
    method = _add(account, _card(card))
    method["billing_details"] = _billing_details(asked.get("billing_details") or {})
    method["metadata"] = merged({}, asked.get("metadata"))
    method["allow_redisplay"] = asked.get("allow_redisplay", "unspecified")
    method["card"] |= _expiry(card)
    return method


def retrieve(call: Call) -> Json:
    return call.account.get("payment_method", call.id, param="payment_method")


def update(call: Call) -> Json:
    account, asked = call.account, call.asked
    method = account.get("payment_method", call.id, param="payment_method")
    before = copied(method)
    if "billing_details" in asked:
        method["billing_details"] = _billing_details(asked["billing_details"])
    method |= given(asked, "allow_redisplay")
    method["card"] |= _expiry(asked.get("card", {}))
    method["metadata"] = merged(method["metadata"], asked.get("metadata"))
    account.tell("payment_method.updated", method, before=before)
    return method


def attach(call: Call) -> Json:
    account = call.account
    if "customer" not in call.asked:
        raise invalid("Missing required param: customer.", param="customer", code="parameter_missing")
    customer = account.customer(call.asked["customer"])
    return attach_to(account, call.id, customer, status=404)


def detach(call: Call) -> Json:
    account = call.account
    method = account.get("payment_method", call.id, param="payment_method")
    if method["customer"] is None:
        raise invalid("The payment method is not attached to a customer.", param="payment_method")
    detach_from(account, method)
    return method


def list_all(call: Call) -> Json:
    return _list(call, call.asked.get("customer"), url="/v1/payment_methods")


def list_of_customer(call: Call) -> Json:
    return _list(call, call.id, url=call.path)


def retrieve_of_customer(call: Call) -> Json:
    method = call.account.get("payment_method", call.ids["method"], param="payment_method")
    if method["customer"] != call.id:
        raise missing("payment_method", method["id"], param="payment_method", status=404)
    return method


def _list(call: Call, customer: str | None, *, url: str) -> Json:
    """Those that are attached to the customer; without one there is nothing to list."""
    if customer is None:
        return page([], call.asked, url=url)
    call.account.customer(customer)
    wanted = {**call.asked, "customer": customer}
    found = matching(call.account.all("payment_method"), wanted, "allow_redisplay", "customer", "type")
    return page(found, call.asked, url=url)


# --- for the other modules --------------------------------------------------------------------------------------------


def named(account: Account, id: str, *, param: str = "payment_method", status: int = 400) -> Json:
    """The payment method that goes by this id, made anew where the id names a test card."""
    card = card_of_payment_method(id)
    return account.get("payment_method", id, param=param, status=status) if card is None else _add(account, card)


def attach_to(account: Account, id: str, customer: Json, *, status: int = 400) -> Json:
    """Refused with the issuer's decline where the card is one that fails when it is checked."""
    method = named(account, id, status=status)
    held = account.cards[method["id"]]
    if method["customer"] == customer["id"]:
        return method
    if method["customer"] is not None:
        raise invalid("The payment method is attached to another customer.", param="payment_method")
    check_unspent(account, method)
    decline = setup_decline(held.card)
    if decline is not None:
        raise card_error(decline, payment_method=copied(method))
    method["customer"] = customer["id"]
    account.tell("payment_method.attached", method)
    return method


def detach_from(account: Account, method: Json) -> None:
    """It cannot be attached again, nor used."""
    before = copied(method)
    customer = account.find("customer", method["customer"])
    if customer is not None and customer["invoice_settings"]["default_payment_method"] == method["id"]:
        customer["invoice_settings"]["default_payment_method"] = None
    method["customer"] = None
    account.cards[method["id"]].spent = True
    account.tell("payment_method.detached", method, before=before)


def check_unspent(account: Account, method: Json) -> None:
    if account.cards[method["id"]].spent:
        raise invalid(
            "The payment method was used without a customer, or detached from one, and cannot be used again.",
            param="payment_method",
        )


def setup_decline(card: KnownCard) -> Decline | None:
    """How the issuer answers when the card is only checked, without an amount."""
    return DECLINES[card.decline_code] if card.decline_code and not card.attachable else None


def _expiry(card: Json) -> Json:
    return {name: card[name] for name in ("exp_month", "exp_year") if name in card}


def _card(given: Json) -> KnownCard:
    if "token" in given:
        card = card_of_token(given["token"])
        if card is None:
            raise missing("token", given["token"], param="card[token]")
        return card
    card = card_of_number(given.get("number", ""))
    if card is None:
        raise card_error(DECLINES["incorrect_number"])
    return card


def _add(account: Account, card: KnownCard) -> Json:
    method = account.add(
        {
            "id": account.new_id("payment_method"),
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": _billing_details({}),
            "card": {
                "brand": card.brand,
                "checks": {
                    "address_line1_check": None,
                    "address_postal_code_check": None,
                    "cvc_check": None,
                },
                "country": card.country,
                "display_brand": card.brand,
                "exp_month": 8,
                "exp_year": 1970 + account.now // _SECONDS_A_YEAR + _EXPIRES_IN_YEARS,
                "fingerprint": fingerprint(card),
                "funding": card.funding,
                "generated_from": None,
                "last4": card.last4,
                "networks": {"available": [card.brand], "preferred": None},
                "regulated_status": "unregulated",
                "three_d_secure_usage": {"supported": card.brand != "unionpay"},
                "wallet": None,
            },
            "created": account.now,
            "customer": None,
            "customer_account": None,
            "livemode": False,
            "metadata": {},
            "type": "card",
        }
    )
    account.cards[method["id"]] = CardOnFile(card)
    return method


def fingerprint(card: KnownCard) -> str:
    """The same for the same number, whoever has it."""
    return f"fp{card.number[-14:]}"


def _billing_details(asked: Json) -> Json:
    return {
        "address": address(asked.get("address") or None),
        **{name: asked.get(name) or None for name in ("email", "name", "phone", "tax_id")},
    }
