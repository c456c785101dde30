"""The suite that every provider passes: here, that what it declares is true. The rest stands beside it, by subject.

    test_provider_cards.py      customers and their cards
    test_provider_charges.py    charges: taken, declined, confirmed by the customer, called off
    test_provider_new_cards.py  charges of a card that is stored with them, or never
    test_provider_captures.py   money that is held first
    test_provider_refunds.py    giving back
    test_provider_disputes.py   what banks take back
    test_provider_money.py      amounts in every currency, to the last unit
    test_provider_keys.py       repeated, lost, never arrived
    test_provider_hostile.py    what nobody in their right mind would ask
    test_provider_webhooks.py   what a provider tells by itself
    test_provider_changes.py    what it lists

Every test talks to `domain.provider.PaymentProvider` and to a house (houses/house.py), which plays everybody else; none
asks which provider it has. A test names the actions that it uses (`capability`), and runs with every provider that
declares to have them; one that declares not to is asked all the same, below, and has to refuse.
"""

import importlib
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from domain.ids import IdPrefix, new_id
from domain.money import Money
from domain.provider import (
    CaptureMode,
    ChargeResult,
    DisputeResult,
    Outcome,
    ProviderAction,
    Refusal,
    Support,
    WebhookRejected,
)
from tests.contracts.houses import HOUSES
from tests.contracts.houses.house import CardKind, House, NoSuchCard, Power, TrueCharge, Truth
from tests.contracts.results import FILES, told_by_the_page
from tests.contracts.shop import Shop, action_of

MADE_UP = "made_up_by_a_test"
"""The ref of a thing that is not there, for providers that cannot make one."""


# --- what is declared -----------------------------------------------------------------------------------------------


def test_every_action_is_declared_once(house: House) -> None:
    assert [capability.action for capability in house.capabilities] == list(ProviderAction)
    for capability in house.capabilities:
        assert capability.support is Support.NATIVE or capability.note, f"{capability.action} says not how, or why not"


def test_every_action_has_tests_of_its_own() -> None:
    """Beside the one below, which does the simplest thing with it."""
    used = {
        action
        for module in (importlib.import_module(f"tests.contracts.{file.stem}") for file in FILES)
        for test in vars(module).values()
        for mark in getattr(test, "pytestmark", [])
        if mark.name == "capability"
        for action in mark.args
    }

    assert set(ProviderAction) - used == set()


@pytest.mark.parametrize("name", HOUSES)
def test_an_emulated_provider_can_be_made_to_do_everything(name: str) -> None:
    """So no test is left out for any of them: what a house cannot do is said by `make test-live` alone."""
    assert HOUSES[name][0].powers == frozenset(Power)


def test_no_test_asks_which_provider_it_has() -> None:
    names = re.compile(rf"\b({'|'.join(HOUSES)})\b", re.IGNORECASE)
    asking = [
        f"{file.name}: {line.strip()}"
        for file in [*FILES, Path(__file__).parent / "shop.py"]
        for line in _code_of(file)
        if names.search(line)
    ]

    assert asking == []


def test_the_page_says_what_is_declared() -> None:
    declared = {
        name: {str(capability.action): str(capability.support) for capability in house.capabilities}
        for name, (house, _) in HOUSES.items()
    }

    assert told_by_the_page() == declared


async def test_a_provider_is_called_by_its_name_and_moves_no_real_money(house: House) -> None:
    assert house.provider.name == house.name
    assert house.provider.capabilities == house.capabilities
    assert house.provider.livemode is False


async def test_a_provider_that_answers_has_nothing_to_complain_of(house: House) -> None:
    assert await house.provider.check() is None


def _code_of(file: Path) -> list[str]:
    """Its lines, without what is only said in docstrings."""
    return re.sub(r'"""(?:.|\n)*?"""', "", file.read_text(encoding="utf-8")).splitlines()


# --- what is true of it ---------------------------------------------------------------------------------------------


async def test_a_declaration_is_true(shop: Shop, action: ProviderAction) -> None:
    """What is said to be there works; what is said to be missing is refused, and moves nothing."""
    (declared,) = [each.support for each in shop.provider.capabilities if each.action is action]

    outcome = await ATTEMPTS[action](shop)

    if declared is Support.UNSUPPORTED:
        assert outcome is Outcome.FAILED
        assert _moved_by(action, await shop.house.truth()) == []
    else:
        assert outcome is Outcome.SUCCEEDED


def _moved_by(action: ProviderAction, truth: Truth) -> list[TrueCharge]:
    """The payments that show that the action was done, though it was refused."""
    match action:
        case ProviderAction.CHARGE | ProviderAction.AUTHORIZE | ProviderAction.CHARGE_NEW_CARD:
            return list(truth.taken)
        case ProviderAction.CAPTURE | ProviderAction.PARTIAL_CAPTURE:
            return [charge for charge in truth.charges if charge.captured]
        case ProviderAction.REFUND | ProviderAction.PARTIAL_REFUND:
            return [charge for charge in truth.charges if charge.refunded]
        case ProviderAction.VOID:
            return [charge for charge in truth.charges if not charge.held]
        case _:
            return []


async def _open_a_form(shop: Shop) -> Outcome:
    opened = await shop.provider.client_session(customer_ref=shop.customer_ref)
    return Outcome.FAILED if isinstance(opened, Refusal) else Outcome.SUCCEEDED


async def _attach(shop: Shop) -> Outcome:
    return (await shop.attach()).outcome


async def _detach(shop: Shop) -> Outcome:
    attached = await shop.attach()
    ref = attached.payment_method_ref or MADE_UP
    return (await shop.provider.detach_payment_method(payment_method_ref=ref)).outcome


async def _forget(shop: Shop) -> Outcome:
    return (await shop.provider.forget_customer(customer_ref=shop.customer_ref)).outcome


async def _charge(shop: Shop) -> Outcome:
    return (await _charged(shop)).outcome


async def _confirm(shop: Shop) -> Outcome:
    try:
        attached = await shop.attach(CardKind.CHALLENGED)
    except NoSuchCard:
        return Outcome.FAILED
    if attached.outcome is Outcome.REQUIRES_ACTION and Power.CUSTOMER not in shop.house.powers:
        return Outcome.SUCCEEDED
    asked = await shop.charge(CardKind.CHALLENGED)
    if asked.outcome is not Outcome.REQUIRES_ACTION:
        return Outcome.FAILED
    await shop.house.confirm(action_of(asked))
    return (await shop.proceed(asked)).outcome


async def _authorize(shop: Shop) -> Outcome:
    held = await _charged(shop, CaptureMode.MANUAL)
    return Outcome.SUCCEEDED if held.outcome is Outcome.AUTHORIZED else Outcome.FAILED


async def _capture(shop: Shop) -> Outcome:
    return (await shop.capture(await _charged(shop, CaptureMode.MANUAL))).outcome


async def _capture_a_part(shop: Shop) -> Outcome:
    return (await shop.capture(await _charged(shop, CaptureMode.MANUAL), Money(5_00, "USD"))).outcome


async def _void(shop: Shop) -> Outcome:
    voided = await shop.void(await _charged(shop, CaptureMode.MANUAL))
    return Outcome.SUCCEEDED if voided.outcome is Outcome.VOIDED else Outcome.FAILED


async def _refund(shop: Shop) -> Outcome:
    return (await shop.refund(await _charged(shop))).outcome


async def _refund_a_part(shop: Shop) -> Outcome:
    return (await shop.refund(await _charged(shop), Money(5_00, "USD"))).outcome


async def _look_up(shop: Shop) -> Outcome:
    charged = await _charged(shop)
    found = await shop.provider.find_charge(shop.look_up(charged.operation_id or new_id(IdPrefix.OPERATION)))
    return Outcome.FAILED if found is None else found.outcome


async def _list(shop: Shop) -> Outcome:
    return (await shop.provider.changes(since=None, cursor=None)).outcome


async def _hear(shop: Shop) -> Outcome:
    await _disputed(shop)
    deliveries = await shop.house.deliveries() or [shop.house.signed(b"{}")]
    try:
        shop.provider.verify_webhook(deliveries[-1].headers, deliveries[-1].body)
    except WebhookRejected:
        return Outcome.FAILED
    return Outcome.SUCCEEDED


async def _charge_a_new_card(shop: Shop) -> Outcome:
    outcomes = {
        (await shop.provider.charge(await shop.new_card_request(store_card=kept))).outcome for kept in (True, False)
    }
    return Outcome.SUCCEEDED if outcomes == {Outcome.SUCCEEDED} else outcomes.pop()


async def _look_at_a_dispute(shop: Shop) -> Outcome:
    dispute = await _disputed(shop)
    return (await shop.provider.fetch_dispute(dispute_ref=dispute.dispute_ref or MADE_UP)).outcome


async def _answer(shop: Shop) -> Outcome:
    return (await shop.answer(await _disputed(shop))).outcome


async def _accept(shop: Shop) -> Outcome:
    return (await shop.accept(await _disputed(shop))).outcome


ATTEMPTS: Mapping[ProviderAction, Callable[[Shop], Awaitable[Outcome]]] = {
    ProviderAction.CLIENT_SESSION: _open_a_form,
    ProviderAction.ATTACH_PAYMENT_METHOD: _attach,
    ProviderAction.DETACH_PAYMENT_METHOD: _detach,
    ProviderAction.FORGET_CUSTOMER: _forget,
    ProviderAction.CHARGE: _charge,
    ProviderAction.CUSTOMER_ACTION: _confirm,
    ProviderAction.AUTHORIZE: _authorize,
    ProviderAction.CAPTURE: _capture,
    ProviderAction.PARTIAL_CAPTURE: _capture_a_part,
    ProviderAction.VOID: _void,
    ProviderAction.REFUND: _refund,
    ProviderAction.PARTIAL_REFUND: _refund_a_part,
    ProviderAction.LOOK_UP: _look_up,
    ProviderAction.LIST_CHANGES: _list,
    ProviderAction.WEBHOOKS: _hear,
    ProviderAction.CHARGE_NEW_CARD: _charge_a_new_card,
    ProviderAction.DISPUTES: _look_at_a_dispute,
    ProviderAction.SUBMIT_EVIDENCE: _answer,
    ProviderAction.ACCEPT_DISPUTE: _accept,
}
"""The simplest thing that uses the action: SUCCEEDED when it works."""


async def _charged(shop: Shop, capture: CaptureMode = CaptureMode.AUTOMATIC) -> ChargeResult:
    attached = await shop.attach()
    charged = await shop.charge(payment_method_ref=attached.payment_method_ref or MADE_UP, capture=capture)
    return charged if charged.charge_ref else ChargeResult(outcome=charged.outcome, charge_ref=MADE_UP)


async def _disputed(shop: Shop) -> DisputeResult:
    try:
        charged = await shop.charge(CardKind.DISPUTED)
        return await shop.dispute_of(charged)
    except (NoSuchCard, LookupError):
        return DisputeResult(outcome=Outcome.FAILED, dispute_ref=MADE_UP)
