"""What browsers and apps see of the bank: the tokenizer for test cards, and the page where 3D Secure is finished.

Both live outside `/graphql`, so that a card number never goes through the gateway's API; and the tokenizer takes the
listed test numbers only. A number is neither stored nor logged nor sent back.
"""

import base64
import hashlib
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from adapters.fake import charges, customers
from adapters.fake.bank import Bank
from adapters.fake.bodies import BodyRefused, read_body
from adapters.fake.books import OpenBooks
from adapters.fake.calls import form_target
from adapters.fake.cards import CARDS_BY_NUMBER, FakeCard
from adapters.fake.reading import money_of
from domain.money import Money

_LONGEST_FORM = 4096
_NO_SUCH = "<p>This address does not belong to any payment or card.</p>"


def fake_routes(bank: Bank) -> list[Route]:
    """The tokenizer and the 3D Secure page, for an app that is not in production."""
    pages = _Pages(bank)
    return [
        Route("/fake/tokens", pages.tokens, methods=["POST", "OPTIONS"]),
        Route("/fake/3ds/{challenge}", pages.challenge, methods=["GET", "POST"]),
    ]


class _Pages:
    def __init__(self, bank: Bank) -> None:
        self._bank = bank

    async def tokens(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_CORS_PREFLIGHT)
        try:
            wanted = _read_card(await read_body(request, longest=_LONGEST_FORM))
        except BodyRefused as refused:
            return _refused(refused.status, refused.code, str(refused))
        except _CardRefused as refused:
            return _refused(422, refused.code, str(refused))
        token = await self._bank.run(lambda books: _mint(books, wanted))
        if token is None:
            return _refused(422, "card_expired", "The card has expired.")
        shown = {"token": token, "brand": wanted.card.brand, "last4": wanted.card.last4}
        return JSONResponse(shown, status_code=201, headers=_CORS)

    async def challenge(self, request: Request) -> Response:
        challenge = request.path_params["challenge"]
        if request.method == "POST":
            return await self._answer(request, challenge)
        question = await self._bank.run(lambda books: _question(books, challenge))
        if question is None:
            return _page(404, "No such confirmation", _NO_SUCH)
        return _challenge_page(question, self._bank.merchant_name)

    async def _answer(self, request: Request, challenge: str) -> Response:
        confirmed = await _read_answer(request)
        if confirmed is None:
            return _page(400, "Not understood", "<p>The form was not sent by this page.</p>")
        question = await self._bank.run(lambda books: _answered(books, challenge, confirmed=confirmed))
        if question is None:
            return _page(404, "No such confirmation", _NO_SUCH)
        if question.return_url is None:
            return _over_page(question)
        return RedirectResponse(_return_url(question), status_code=303, headers=_PRIVATE)


# --- the tokenizer --------------------------------------------------------------------------------------------------

_CORS = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}
"""Any origin: a shop under development runs on a port of its own, and these cards are worth nothing."""
_CORS_PREFLIGHT = {
    **_CORS,
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Max-Age": "600",
}


class _CardRefused(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class _WantedCard:
    card: FakeCard
    expiry_month: int
    expiry_year: int


def _read_card(raw: bytes) -> _WantedCard:
    """Messages name the field and never repeat a value: somebody may try a real card."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise _CardRefused("body_invalid", "Send a JSON object with number, expMonth, expYear and cvc.")
    number = body.get("number")
    card = CARDS_BY_NUMBER.get(_digits(number)) if isinstance(number, str) else None
    if card is None:
        raise _CardRefused(
            "number_not_listed",
            "Only the listed test cards are taken here; never send the number of a real card.",
        )
    month, year = _whole(body.get("expMonth")), _whole(body.get("expYear"))
    if month is None or not 1 <= month <= 12:
        raise _CardRefused("expiry_invalid", "expMonth is a month from 1 to 12.")
    if year is None or not (0 <= year <= 99 or 2000 <= year <= 2199):
        raise _CardRefused("expiry_invalid", "expYear is a year, as in 2030 or 30.")
    cvc = body.get("cvc")
    if not isinstance(cvc, str) or not (cvc.isascii() and cvc.isdigit() and 3 <= len(cvc) <= 4):
        raise _CardRefused("cvc_invalid", "cvc is a text of three digits, or four.")
    return _WantedCard(card, month, year if year > 99 else 2000 + year)


def _digits(number: str) -> str:
    return number.replace(" ", "").replace("-", "")


def _whole(value: object) -> int | None:
    """Forms send texts, apps send numbers."""
    if type(value) is int:
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 4:
        return int(value)
    return None


def _mint(books: OpenBooks, wanted: _WantedCard) -> str | None:
    expiry = {"expiry_month": wanted.expiry_month, "expiry_year": wanted.expiry_year}
    if customers.is_expired(expiry, books.now):
        return None
    return customers.mint_token(books, card=wanted.card, **expiry)


def _refused(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status, headers=_CORS)


# --- 3D Secure ------------------------------------------------------------------------------------------------------

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; background: #f3f4f6; color: #111827; }
main { max-width: 24rem; margin: 10vh auto; padding: 2rem; background: #fff; border-radius: 0.75rem; }
h1 { font-size: 1.25rem; margin: 0 0 1rem; }
dt { color: #4b5563; } dd { margin: 0 0 0.75rem; font-weight: 600; }
button { font: inherit; width: 100%; padding: 0.75rem; margin-top: 0.5rem; border-radius: 0.5rem; cursor: pointer; }
button.confirm { background: #1d4ed8; color: #fff; border: 1px solid #1d4ed8; }
button.refuse { background: #fff; color: #111827; border: 1px solid #6b7280; }
small { color: #4b5563; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
"""The address of the page is its secret: it is neither kept nor told to the next site."""


_ANSWERS = {"confirm": True, "refuse": False}


async def _read_answer(request: Request) -> bool | None:
    try:
        form = parse_qs((await read_body(request, longest=_LONGEST_FORM)).decode("ascii"))
    except (BodyRefused, ValueError):
        return None
    return _ANSWERS.get(form.get("answer", [""])[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What the bank asks the owner of a card about, on a page of its own: a payment, or a card that is to be stored."""

    thing: str
    is_open: bool
    is_confirmed: bool
    end: str
    """What became of it, once it is not open."""
    payee: str | None = None
    amount: Money | None = None
    return_url: str | None
    told: Mapping[str, str]
    """What the shop is told in the address that it gave."""


def _question(books: OpenBooks, challenge: str) -> _Question | None:
    charge = charges.challenge_row(books, challenge)
    if charge is not None:
        return _about_charge(charge)
    confirmation = customers.confirmation_row(books, challenge)
    return None if confirmation is None else _about_card(books, confirmation)


def _answered(books: OpenBooks, challenge: str, *, confirmed: bool) -> _Question | None:
    charge = charges.finish_challenge(books, challenge, confirmed=confirmed)
    if charge is not None:
        return _about_charge(charge)
    confirmation = customers.finish_confirmation(books, challenge, confirmed=confirmed)
    return None if confirmation is None else _about_card(books, confirmation)


_ENDS_OF_CHARGE = {
    "succeeded": "The payment is confirmed.",
    "authorized": "The payment is confirmed.",
    "declined": "The payment was declined.",
    "failed": "The time for the confirmation is over.",
    "voided": "The shop has ended this payment.",
}
_ENDS_OF_CARD = {
    "confirmed": "The card is confirmed.",
    "refused": "The card was not confirmed.",
    "expired": "The time for the confirmation is over.",
    "canceled": "The shop needs this card no longer.",
}


def _about_charge(row: sqlite3.Row) -> _Question:
    state = row["state"]
    return _Question(
        thing="payment",
        is_open=state == "requires_action",
        is_confirmed=state in ("succeeded", "authorized"),
        end=_ENDS_OF_CHARGE.get(state, ""),
        payee=row["statement_descriptor"],
        amount=money_of(row["amount"], row["currency"]),
        return_url=row["return_url"],
        told={"charge": row["charge_id"]},
    )


def _about_card(books: OpenBooks, row: sqlite3.Row) -> _Question:
    method = customers.payment_method_row(books, row["payment_method_ref"])
    return _Question(
        thing="card",
        is_open=row["state"] == "waiting",
        is_confirmed=row["state"] == "confirmed",
        end=_ENDS_OF_CARD.get(row["state"], ""),
        return_url=row["return_url"],
        told={"payment_method": method["payment_method_id"]},
    )


def _challenge_page(question: _Question, merchant: str) -> Response:
    if not question.is_open:
        return _over_page(question)
    amount = "" if question.amount is None else f"\n<dt>Amount</dt><dd>{escape(str(question.amount))}</dd>"
    content = f"""<dl><dt>To</dt><dd>{escape(question.payee or merchant)}</dd>{amount}</dl>
<form method="post">
<button class="confirm" name="answer" value="confirm">Confirm</button>
<button class="refuse" name="answer" value="refuse">Refuse</button>
</form>
<p><small>This is the test bank of Paydesk. No money moves.</small></p>"""
    return _page(200, f"Confirm your {question.thing}", content, return_url=question.return_url)


def _over_page(question: _Question) -> Response:
    content = f"<p>{question.end}</p>"
    if question.return_url is None:
        content += "<p>You can close this window.</p>"
    else:
        content += f'<p><a href="{escape(_return_url(question))}">Back to the shop</a></p>'
    return _page(200, f"Your {question.thing}", content)


def _return_url(question: _Question) -> str:
    """Where the gateway wants the customer, told how it went; the gateway itself asks the bank and believes no URL."""
    parts = urlsplit(str(question.return_url))
    told = urlencode({**question.told, "redirect_status": "succeeded" if question.is_confirmed else "failed"})
    query = f"{parts.query}&{told}" if parts.query else told
    return urlunsplit(parts._replace(query=query))


def _page(status: int, title: str, content: str, *, return_url: str | None = None) -> Response:
    # Browsers hold form-action against the redirect that follows too, so the shop's origin has to be in it.
    target = form_target(return_url) if return_url else None
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'{' ' + target if target else ''}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    html = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{_STYLE}</style></head>
<body><main><h1>{escape(title)}</h1>{content}</main></body></html>"""
    headers = {**_PRIVATE, "Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}
    return HTMLResponse(html, status_code=status, headers=headers)
