"""3D Secure: what the customer does at the bank's page, here a page with two buttons.

Afterwards the browser goes to the return url with the intent, its secret and `redirect_status`, as
https://docs.stripe.com/payments/3d-secure/authentication-flow has it. A client believes none of it and looks it up.
"""

from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from tests.emulators.stripe import payment_intents, setup_intents
from tests.emulators.stripe.account import Account
from tests.emulators.stripe.refusals import Json, invalid, missing

_FINISH = {"payment_intent": payment_intents.authenticated, "setup_intent": setup_intents.authenticated}

_PAGE = """<!doctype html>
<html lang="en">
<title>3D Secure</title>
<h1>3D Secure</h1>
<p>This page stands in for the bank's. {what}</p>
<form method="post"><button name="outcome" value="succeeded">Complete</button>
<button name="outcome" value="failed">Fail</button></form>
</html>
"""


def intent_of(account: Account, id: str) -> Json:
    """The PaymentIntent or SetupIntent with this id."""
    intent = account.find("payment_intent", id) or account.find("setup_intent", id)
    if intent is None:
        raise missing("intent", id, param="intent", status=404)
    return intent


def finish(account: Account, intent: Json, *, succeeded: bool) -> None:
    """The customer has authenticated, or has failed to. Refused when nobody asked."""
    if intent["status"] != "requires_action":
        raise invalid(f"The intent is in {intent['status']} and waits for nobody.", param="intent")
    _FINISH[intent["object"]](account, intent, succeeded=succeeded)


def page(intent: Json) -> str:
    if intent["object"] == "setup_intent":
        return _PAGE.format(what="It asks whether you are the one who keeps a card.")
    amount = escape(f"{intent['amount']} {intent['currency']}")
    return _PAGE.format(what=f"It asks whether you pay {amount} (in the smallest unit).")


def has_key(account: Account, intent: Json, key: str) -> bool:
    """Whether the page was opened with the link that the intent had."""
    return bool(key) and account.progress[intent["id"]].page_key == key


def return_url(account: Account, intent: Json, *, succeeded: bool) -> str | None:
    """Where the browser goes; None where the customer stays."""
    url = account.progress[intent["id"]].return_url
    if url is None:
        return None
    kind = intent["object"]
    parts = urlsplit(url)
    query = [
        *parse_qsl(parts.query, keep_blank_values=True),
        (kind, intent["id"]),
        (f"{kind}_client_secret", intent["client_secret"]),
        ("redirect_status", "succeeded" if succeeded else "failed"),
    ]
    return urlunsplit(parts._replace(query=urlencode(query)))
