"""What PaymentIntents and SetupIntents have in common: how they are confirmed, and how far that has come."""

from collections.abc import Mapping

from tests.emulators.stripe.account import Account
from tests.emulators.stripe.cards import Authentication, CardOnFile
from tests.emulators.stripe.jsontext import copied
from tests.emulators.stripe.payment_methods import check_unspent, named
from tests.emulators.stripe.refusals import Json, Refused, invalid, missing

CARD_OPTIONS: Json = {
    "mandate_options": None,
    "network": None,
    "request_three_d_secure": "automatic",
}

_WORKS_ON = ("request_three_d_secure", "setup_credential_usage", "stored_credential_usage")
"""The second and third only tell the bank what a stored card is used for; no test card minds."""


def client_secret(account: Account, id: str) -> str:
    return f"{id}_secret_{account.letters(25)}"


def automatic_payment_methods(asked: Json) -> Json:
    """On unless switched off (https://docs.stripe.com/changelog, 2023-08-16)."""
    given = asked.get("automatic_payment_methods", {"enabled": True})
    return {"allow_redirects": given.get("allow_redirects", "always"), "enabled": given["enabled"]}


def card_options(asked: Json, defaults: Mapping[str, object]) -> Json:
    """`payment_method_options`: those of cards that mean something here, which the object shows afterwards."""
    options = asked.get("payment_method_options") or {}
    for kind in options:
        if kind != "card":
            raise _unsupported(f"payment_method_options[{kind}]")
    card = options.get("card") or {}
    for name in card:
        if name not in _WORKS_ON:
            raise _unsupported(f"payment_method_options[card][{name}]")
    return {"card": {**defaults, **card}}


def _unsupported(param: str) -> Refused:
    return invalid(f"The emulator does not work on {param}.", param=param, code="emulator_unsupported")


def only_with_confirm(asked: Json, *names: str) -> None:
    for name in names:
        if name in asked and not asked.get("confirm"):
            raise invalid(f"{name} can only be used with confirm=true.", param=name)


def check_return_url(intent: Json, asked: Json) -> None:
    """Where methods that redirect are allowed, it has to be said where to.

    https://docs.stripe.com/api/payment_intents/create has it under `automatic_payment_methods`. An intent that allows
    cards alone redirects nowhere but for 3D Secure, which Stripe's own code in the browser does without it.
    """
    automatic = intent["automatic_payment_methods"]
    redirects = automatic["enabled"] and automatic["allow_redirects"] != "never"
    if (
        redirects
        and intent["allowed_payment_method_types"] != ["card"]
        and "return_url" not in asked
        and not asked.get("use_stripe_sdk")
    ):
        raise invalid(
            "Give a return_url, or exclude what redirects with automatic_payment_methods[allow_redirects]=never.",
            param="return_url",
        )


def chosen_method(account: Account, intent: Json, asked: Json) -> Json | None:
    """The payment method that the request names, else the intent's own."""
    if not asked.get("payment_method"):
        return account.find("payment_method", intent["payment_method"])
    method = named(account, asked["payment_method"])
    check_unspent(account, method)
    if method["customer"] is not None and method["customer"] != intent["customer"]:
        raise invalid("The payment method belongs to a customer that the intent does not name.", param="payment_method")
    return method


def wants_authentication(held: CardOnFile, *, off_session: bool, asked_for: str, setting_up: bool = False) -> bool:
    """Whether the bank wants to see the customer: https://docs.stripe.com/testing#regulatory-cards."""
    match held.card.authentication:
        case Authentication.NEVER:
            return False
        case Authentication.IF_ASKED:
            return asked_for in ("any", "challenge")
        case Authentication.ALWAYS:
            return True
        case Authentication.UNLESS_SET_UP:
            return not (off_session and held.set_up)
        case Authentication.ON_SESSION:
            return not off_session and not setting_up


def next_action(account: Account, intent: Json) -> Json:
    """Where the customer has to go; without a return url that is for Stripe's own code in the browser."""
    progress = account.progress[intent["id"]]
    progress.page_key = account.letters(24)
    url = f"{account.public_url}/3d-secure/{intent['id']}?key={progress.page_key}"
    if progress.return_url is None or progress.uses_sdk:
        return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": url}}
    return {"redirect_to_url": {"return_url": progress.return_url, "url": url}, "type": "redirect_to_url"}


def failed_authentication(kind: str, method: Json) -> Refused:
    """The error of an intent whose customer did not authenticate."""
    return invalid(
        "The customer did not authenticate; another payment method, or another try, is needed.",
        code=f"{kind}_authentication_failure",
        payment_method=copied(method),
    )


def attached_to_customer(account: Account, intent: Json, method: Json) -> None:
    """What an intent with a customer does with the card that it was told to keep."""
    if intent["customer"] is None or method["customer"] is not None:
        return
    method["customer"] = intent["customer"]
    account.tell("payment_method.attached", method)


def by_secret(account: Account, kind: str, id: str, secret: str) -> Json:
    """The intent as a browser may see it: with its secret."""
    intent = account.get(kind, id, param="intent")
    if intent["client_secret"] != secret:
        raise missing(kind, id, param="intent", status=404)
    return intent
