"""What the domain may rely on, whichever database is below."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.charges import ChargeState
from domain.customers import ProviderAccount
from domain.errors import InvalidInput
from domain.events import EventKind, new_event
from domain.ids import IdPrefix, new_id
from domain.operations import OperationKind, restored, stored
from domain.orders import OrderState
from domain.payment_methods import PaymentMethodState
from domain.provider import ContinueRequest
from domain.store import LostUpdate, Store, Transaction, UniqueTaken
from persistence.database import Database
from persistence.failures import TransactionAborted, TransactionMisused
from tests.contracts.records import (
    LATER,
    NOW,
    a_charge,
    a_customer,
    a_delivery,
    a_dispute,
    a_ledger_entry,
    a_line,
    a_payment_method,
    a_price,
    a_product,
    a_refund,
    a_request,
    a_stored_charge,
    a_stored_order,
    an_answer,
    an_api_key,
    an_operation,
    an_order,
    usd,
)

# --- records come back as they were written ---------------------------------------------------------------------------


async def test_a_customer_is_read_as_it_was_written(store: Store) -> None:
    customer = a_customer()
    method = a_payment_method(customer)
    async with store.transaction() as tx:
        await tx.customers.insert(customer)
        await tx.payment_methods.insert(method)
        preferring = customer.with_default(method.id, now=LATER)
        await tx.customers.save(preferring)

    async with store.reading() as tx:
        assert await tx.customers.get(customer.id) == preferring
        assert await tx.customers.find_by_external_id(str(customer.external_id)) == preferring


async def test_a_product_and_its_price_are_read_as_they_were_written(store: Store) -> None:
    product = a_product()
    price, one_time = a_price(product), replace(a_price(product), interval=None, unit_amount=usd(0), archived_at=None)
    async with store.transaction() as tx:
        await tx.products.insert(product)
        await tx.prices.insert(price)
        await tx.prices.insert(one_time)

    async with store.transaction() as tx:
        assert await tx.products.get(product.id) == product == await tx.products.get_for_update(product.id)
        assert await tx.prices.get(price.id) == price == await tx.prices.get_for_update(price.id)
        assert await tx.prices.get(one_time.id) == one_time


async def test_a_payment_method_is_read_as_it_was_written(store: Store) -> None:
    customer = a_customer()
    method = a_payment_method(customer)
    bare = replace(
        a_payment_method(customer),
        state=PaymentMethodState.PENDING,
        payment_method_ref=None,
        card=None,
        next_action=None,
        decline_code=None,
    )
    async with store.transaction() as tx:
        await tx.customers.insert(customer)
        await tx.payment_methods.insert(method)
        await tx.payment_methods.insert(bare)

    async with store.transaction() as tx:
        assert await tx.payment_methods.get(method.id) == method
        assert await tx.payment_methods.get_for_update(bare.id) == bare
        assert await tx.payment_methods.find_by_ref("fake", str(method.payment_method_ref)) == method


async def test_the_first_card_of_a_customer_is_the_one_that_was_stored_first(store: Store) -> None:
    ada, bob, nobody = a_customer(), a_customer(), a_customer()
    first, of_bob, second = a_payment_method(ada), a_payment_method(bob), a_payment_method(ada)
    async with store.transaction() as tx:
        for customer in (ada, bob, nobody):
            await tx.customers.insert(customer)
        for method in (second, of_bob, first):
            await tx.payment_methods.insert(method)

    async with store.reading() as tx:
        assert await tx.payment_methods.first_of_customer(ada.id) == first
        assert await tx.payment_methods.first_of_customer(bob.id) == of_bob
        assert await tx.payment_methods.first_of_customer(nobody.id) is None


async def test_an_operation_keeps_who_may_have_sent_it_and_lets_go_of_its_token(store: Store) -> None:
    charge = await a_stored_charge(store)
    continuing = ContinueRequest(operation_id=new_id(IdPrefix.OPERATION), charge_ref="ch_1", token="tok_confirmed")
    operation = replace(
        an_operation(charge),
        id=continuing.operation_id,
        kind=OperationKind.CONTINUE,
        request=stored(continuing),
        sends=1,
    )
    async with store.transaction() as tx:
        await tx.operations.insert(operation)
    async with store.transaction() as tx:
        await tx.operations.save(operation.taken_over(now=LATER))
    async with store.transaction() as tx:
        found = await tx.operations.get_for_update(operation.id)
        assert found == operation.taken_over(now=LATER)
        assert restored(found) == continuing
        await tx.operations.save(found.finished(now=LATER))

    async with store.reading() as tx:
        ended = await tx.operations.get(operation.id)
    assert ended is not None
    assert (ended.sends, ended.finished_at) == (2, LATER)
    assert restored(ended) == replace(continuing, token=None)


async def test_an_order_is_read_with_its_lines_in_their_order(store: Store) -> None:
    customer, product = a_customer(), a_product()
    price = replace(a_price(product), unit_amount=usd(5_00), interval=None)
    order = an_order(customer, a_line(3_00, 2), a_line(5_00, price=price), a_line(1, name="a by-line"))
    async with store.transaction() as tx:
        await tx.customers.insert(customer)
        await tx.products.insert(product)
        await tx.prices.insert(price)
        await tx.orders.insert(order)

    async with store.transaction() as tx:
        assert await tx.orders.get(order.id) == order
        assert await tx.orders.get_for_update(order.id) == order


async def test_a_charge_and_what_hangs_on_it_are_read_as_they_were_written(store: Store) -> None:
    order, method = await a_stored_order(store)
    charge = a_charge(order, method)
    refund = a_refund(charge)
    operation = an_operation(charge)
    async with store.transaction() as tx:
        await tx.charges.insert(charge)
        await tx.refunds.insert(refund)
        await tx.operations.insert(operation)

    async with store.transaction() as tx:
        assert await tx.charges.get(charge.id) == charge == await tx.charges.get_for_update(charge.id)
        assert await tx.charges.find_by_ref("fake", str(charge.charge_ref)) == charge
        assert await tx.refunds.get(refund.id) == refund == await tx.refunds.get_for_update(refund.id)
        assert await tx.operations.get(operation.id) == operation
        assert await tx.operations.get_for_update(operation.id) == operation


async def test_a_dispute_and_its_answer_are_read_as_they_were_written(store: Store) -> None:
    charge = await a_stored_charge(store)
    dispute = a_dispute(charge)
    answer = an_answer(dispute)
    async with store.transaction() as tx:
        await tx.disputes.insert(dispute)
        await tx.operations.insert(answer)

    async with store.transaction() as tx:
        assert await tx.disputes.get(dispute.id) == dispute == await tx.disputes.get_for_update(dispute.id)
        assert await tx.disputes.find_by_ref("fake", dispute.dispute_ref) == dispute
        assert await tx.disputes.find_by_ref("other", dispute.dispute_ref) is None
        assert await tx.operations.get(answer.id) == answer == await tx.operations.unfinished_of_dispute(dispute.id)
        assert await tx.operations.unfinished_of_charge(charge.id) is None, "it keeps nothing of the charge waiting"
        await tx.operations.insert(an_operation(charge))
        odd = replace(dispute, evidence={}, evidence_sent_at=None, respond_by=None, scheme_code="a\0", movements=4)
        await tx.disputes.save(odd)
        await tx.operations.save(answer.finished(now=LATER))

    async with store.reading() as tx:
        assert await tx.disputes.get(dispute.id) == replace(odd, scheme_code="a")
        assert await tx.operations.unfinished_of_dispute(dispute.id) is None


async def test_a_stored_request_can_be_sent_again_to_the_letter(store: Store) -> None:
    charge = await a_stored_charge(store)
    operation = an_operation(charge)
    async with store.transaction() as tx:
        await tx.operations.insert(operation)

    async with store.reading() as tx:
        found = await tx.operations.get(operation.id)

    assert found is not None
    assert repr(restored(found)) == repr(restored(operation))


async def test_a_webhook_an_api_key_and_a_fact_are_read_as_they_were_written(store: Store) -> None:
    delivery, key = a_delivery(), an_api_key()
    async with store.transaction() as tx:
        assert await tx.webhooks.insert_if_new(delivery)
        await tx.api_keys.insert(key)
        await tx.facts.put("default_account", "fake")
        await tx.facts.put("default_account", "stripe")

    async with store.transaction() as tx:
        assert await tx.webhooks.get(delivery.id) == delivery == await tx.webhooks.get_for_update(delivery.id)
        assert await tx.api_keys.get(key.id) == key == await tx.api_keys.find_by_hash(key.secret_hash)
        assert await tx.api_keys.all() == [key]
        assert await tx.facts.get("default_account") == "stripe"


async def test_whatever_a_provider_says_can_be_kept(store: Store) -> None:
    odd = {"a\0": ["\ud800", 2**80, float("inf"), Decimal("1.50"), (1, None, True)], "n": 1.5}
    plain = {"a": ["?", str(2**80), "inf", "1.50", [1, None, True]], "n": 1.5}
    charge = await a_stored_charge(store)
    delivery, operation = replace(a_delivery(), payload=odd), replace(an_operation(charge), raw=odd)
    async with store.transaction() as tx:
        await tx.webhooks.insert_if_new(delivery)
        await tx.operations.insert(operation)
        await tx.charges.save(replace(charge, provider_message="No.\0\udfff"))

    async with store.reading() as tx:
        assert await tx.webhooks.get(delivery.id) == replace(delivery, payload=plain)
        assert await tx.operations.get(operation.id) == replace(operation, raw=plain)
        assert await tx.charges.get(charge.id) == replace(charge, provider_message="No.?")


async def test_saving_writes_all_of_a_record(store: Store) -> None:
    charge = await a_stored_charge(store)
    product, key, delivery = a_product(), an_api_key(), a_delivery()
    operation, refund = an_operation(charge), a_refund(charge)
    async with store.transaction() as tx:
        await tx.products.insert(product)
        await tx.api_keys.insert(key)
        await tx.webhooks.insert_if_new(delivery)
        await tx.operations.insert(operation)
        await tx.refunds.insert(refund)

    charge = replace(
        charge, state=ChargeState.DECLINED, next_action=None, reviews=(), updated_at=LATER + timedelta(days=1)
    )
    product = replace(product, name="Coffee", metadata={}, archived_at=None)
    key = replace(key, name="till", revoked_at=None, permissions=frozenset())
    delivery = replace(delivery, ended_at=None, payload={"redacted": True})
    operation = operation.finished(now=LATER)
    refund = replace(refund, note=None, reason=None, amount=usd(1))
    async with store.transaction() as tx:
        await tx.charges.save(charge)
        await tx.products.save(product)
        await tx.api_keys.save(key)
        await tx.webhooks.save(delivery)
        await tx.operations.save(operation)
        await tx.refunds.save(refund)

    async with store.reading() as tx:
        assert await tx.charges.get(charge.id) == charge
        assert await tx.products.get(product.id) == product
        assert await tx.api_keys.get(key.id) == key
        assert await tx.webhooks.get(delivery.id) == delivery
        assert await tx.operations.get(operation.id) == operation
        assert await tx.refunds.get(refund.id) == refund


@pytest.mark.parametrize("unknown", ["", "cus_x", "cus_\0", "\ud800", "🂡"])
async def test_what_is_not_there_is_none(store: Store, unknown: str) -> None:
    async with store.transaction() as tx:
        assert await tx.customers.get(unknown) is None
        assert await tx.customers.find_by_external_id(unknown) is None
        assert await tx.accounts.find(unknown, "fake") is None
        assert await tx.products.get_for_update(unknown) is None
        assert await tx.prices.get(unknown) is None
        assert await tx.payment_methods.find_by_ref("fake", unknown) is None
        assert await tx.orders.get(unknown) is None
        assert await tx.orders.get_for_update(unknown) is None
        assert await tx.charges.find_by_ref("fake", unknown) is None
        assert await tx.charges.of_order(unknown) == []
        assert await tx.charges.live_with_payment_method(unknown) is False
        assert await tx.operations.unfinished_of_charge(unknown) is None
        assert await tx.refunds.get_for_update(unknown) is None
        assert await tx.api_keys.find_by_hash(unknown) is None
        assert await tx.facts.get(unknown) is None


async def test_an_account_of_a_customer_is_kept_once(store: Store) -> None:
    customer = a_customer()
    first = ProviderAccount(customer_id=customer.id, account="fake", customer_ref="c_1", created_at=NOW)
    async with store.transaction() as tx:
        await tx.customers.insert(customer)
        await tx.accounts.insert_if_new(first)
        await tx.accounts.insert_if_new(replace(first, customer_ref="c_2", created_at=LATER))
        await tx.accounts.insert_if_new(replace(first, account="stripe"))

    async with store.reading() as tx:
        assert await tx.accounts.find(customer.id, "fake") == first
        assert await tx.accounts.find(customer.id, "stripe") == replace(first, account="stripe")


@pytest.mark.fault("F30")
async def test_a_webhook_is_stored_once(store: Store) -> None:
    delivery = a_delivery()
    again = replace(delivery, id=new_id(IdPrefix.WEBHOOK_DELIVERY), payload={})
    async with store.transaction() as tx:
        assert await tx.webhooks.insert_if_new(delivery) is True
        assert await tx.webhooks.insert_if_new(again) is False
        assert await tx.webhooks.insert_if_new(replace(again, account="stripe")) is True

    async with store.reading() as tx:
        assert await tx.webhooks.get(delivery.id) == delivery


async def test_marking_a_key_as_used_leaves_the_rest_alone(store: Store) -> None:
    key = replace(an_api_key(), revoked_at=None, last_used_at=None)
    async with store.transaction() as tx:
        await tx.api_keys.insert(key)
        await tx.api_keys.save(key.revoked(now=NOW))
        await tx.api_keys.mark_used(key.id, key.secret_hash, now=LATER)

    async with store.reading() as tx:
        used = replace(key, revoked_at=NOW, last_used_at=LATER, secret_used_at=LATER)
        assert await tx.api_keys.get(key.id) == used


async def test_only_the_first_use_of_the_present_secret_is_kept(store: Store) -> None:
    key = replace(an_api_key(), last_used_at=None)
    async with store.transaction() as tx:
        await tx.api_keys.insert(key)
        await tx.api_keys.mark_used(key.id, str(key.previous_secret_hash), now=NOW)
        assert await tx.api_keys.get(key.id) == replace(key, last_used_at=NOW)
        for moment in (NOW, LATER):
            await tx.api_keys.mark_used(key.id, key.secret_hash, now=moment)

    async with store.reading() as tx:
        assert await tx.api_keys.get(key.id) == replace(key, last_used_at=LATER, secret_used_at=NOW)


# --- orders and their lines -------------------------------------------------------------------------------------------


async def test_saving_an_order_writes_what_changed_in_its_lines(store: Store) -> None:
    customer = a_customer()
    tea, milk, cake = a_line(3_00, name="tea"), a_line(1_00, name="milk"), a_line(4_00, name="cake")
    order, other = an_order(customer, tea, milk), an_order(customer, a_line(9_00))
    async with store.transaction() as tx:
        await tx.customers.insert(customer)
        await tx.orders.insert(order)
        await tx.orders.insert(other)

    order = order.without_line(tea.id, now=LATER).with_line(cake, now=LATER).with_quantity(milk.id, 3, now=LATER)
    async with store.transaction() as tx:
        saved = await tx.orders.save(order)

    assert saved == replace(order, version=2)
    async with store.reading() as tx:
        found = await tx.orders.get(order.id)
        assert found == saved
        assert [line.name for line in saved.lines] == ["milk", "cake"]
        assert await tx.orders.get(other.id) == other


async def test_lines_keep_the_order_that_they_were_given(store: Store) -> None:
    customer = a_customer()
    lines = [a_line(name=name) for name in "abc"]
    order = an_order(customer, *lines)
    async with store.transaction() as tx:
        await tx.customers.insert(customer)
        await tx.orders.insert(order)
        order = await tx.orders.save(replace(order, lines=(lines[2], a_line(name="x"), lines[0], lines[1])))
        order = await tx.orders.save(order.with_line(a_line(name="y"), now=LATER))

    async with store.reading() as tx:
        found = await tx.orders.get(order.id)
    assert found is not None
    assert [line.name for line in found.lines] == ["c", "x", "a", "b", "y"]
    assert found.version == 3


async def test_an_order_may_be_placed_as_it_is_made(store: Store) -> None:
    customer = a_customer()
    order = an_order(customer, a_line()).placed(now=LATER)
    async with store.transaction() as tx:
        await tx.customers.insert(customer)
        await tx.orders.insert(order)

    async with store.reading() as tx:
        assert await tx.orders.get(order.id) == order


async def test_an_order_may_change_its_lines_and_be_placed_in_one_save(store: Store) -> None:
    order, _ = await a_stored_order(store)
    gone = order.lines[0].id
    placed = order.with_line(a_line(7_00), now=LATER).without_line(gone, now=LATER).placed(now=LATER)
    async with store.transaction() as tx:
        saved = await tx.orders.save(placed)

    async with store.reading() as tx:
        assert await tx.orders.get(order.id) == saved
    assert saved.state is OrderState.PLACED


async def test_of_two_writers_of_one_version_one_wins(store: Store) -> None:
    order, _ = await a_stored_order(store)
    async with store.transaction() as tx:
        won = await tx.orders.save(order.with_line(a_line(name="won"), now=LATER))

    with pytest.raises(LostUpdate):
        async with store.transaction() as tx:
            await tx.orders.save(order.with_line(a_line(name="lost"), now=LATER))

    async with store.reading() as tx:
        assert await tx.orders.get(order.id) == won


async def test_a_lost_update_takes_the_whole_transaction_along(store: Store) -> None:
    order, _ = await a_stored_order(store)
    async with store.transaction() as tx:
        won = await tx.orders.save(order.with_line(a_line(name="won"), now=LATER))

    async def carry_on_after_it() -> None:
        async with store.transaction() as tx:
            with pytest.raises(LostUpdate):
                await tx.orders.save(order.without_line(order.lines[0].id, now=LATER))

    with pytest.raises(TransactionAborted):
        await carry_on_after_it()
    async with store.reading() as tx:
        assert await tx.orders.get(order.id) == won


async def test_saving_what_is_not_there_is_a_lost_update(store: Store) -> None:
    charge = await a_stored_charge(store)
    saves: list[Callable[[Transaction], Awaitable[Any]]] = [
        lambda tx: tx.customers.save(a_customer()),
        lambda tx: tx.products.save(a_product()),
        lambda tx: tx.charges.save(replace(charge, id=new_id(IdPrefix.CHARGE))),
        lambda tx: tx.refunds.save(a_refund(charge)),
        lambda tx: tx.disputes.save(a_dispute(charge)),
        lambda tx: tx.operations.save(an_operation(charge)),
        lambda tx: tx.webhooks.save(a_delivery()),
        lambda tx: tx.api_keys.save(an_api_key()),
    ]
    for save in saves:
        with pytest.raises(LostUpdate):
            async with store.transaction() as tx:
                await save(tx)


# --- what is unique ---------------------------------------------------------------------------------------------------


async def test_a_taken_value_is_named_by_its_constraint(store: Store) -> None:
    charge = await a_stored_charge(store, state=ChargeState.AUTHORIZED)
    refund, operation, dispute = a_refund(charge), an_operation(charge), a_dispute(charge)
    refund_operation = an_operation(charge, refund=refund)
    entry, key = a_ledger_entry(charge), an_api_key()
    async with store.transaction() as tx:
        order = await tx.orders.get(charge.payable_id)
        method = await tx.payment_methods.get(charge.payment_method_id)
        assert order is not None
        assert method is not None
        customer = await tx.customers.get(order.customer_id)
        assert customer is not None
        await tx.refunds.insert(refund)
        await tx.disputes.insert(dispute)
        await tx.operations.insert(operation)
        await tx.operations.insert(refund_operation)
        await tx.operations.insert(an_answer(dispute))
        await tx.ledger.add([entry])
        await tx.api_keys.insert(key)

    rival = replace(charge, id=new_id(IdPrefix.CHARGE))
    inserts: dict[str, Callable[[Transaction], Awaitable[None]]] = {
        "customers_pkey": lambda tx: tx.customers.insert(replace(customer, external_id=None)),
        "customers_external_id": lambda tx: tx.customers.insert(replace(customer, id=new_id(IdPrefix.CUSTOMER))),
        "orders_external_id": lambda tx: tx.orders.insert(replace(order, id=new_id(IdPrefix.ORDER), lines=())),
        "order_lines_pkey": lambda tx: tx.orders.insert(replace(order, id=new_id(IdPrefix.ORDER), external_id=None)),
        "payment_methods_ref": lambda tx: tx.payment_methods.insert(
            replace(method, id=new_id(IdPrefix.PAYMENT_METHOD))
        ),
        "charges_one_live_an_order": lambda tx: tx.charges.insert(replace(rival, charge_ref=None)),
        "charges_ref": lambda tx: tx.charges.insert(replace(rival, state=ChargeState.DECLINED)),
        "refunds_ref": lambda tx: tx.refunds.insert(replace(refund, id=new_id(IdPrefix.REFUND))),
        "operations_one_unfinished_a_charge": lambda tx: tx.operations.insert(an_operation(charge)),
        "operations_one_unfinished_a_refund": lambda tx: tx.operations.insert(an_operation(charge, refund=refund)),
        "disputes_ref": lambda tx: tx.disputes.insert(replace(dispute, id=new_id(IdPrefix.DISPUTE))),
        "operations_one_unfinished_a_dispute": lambda tx: tx.operations.insert(an_answer(dispute)),
        "ledger_entries_cause": lambda tx: tx.ledger.add([replace(entry, id=new_id(IdPrefix.LEDGER_ENTRY))]),
        "api_keys_secret_hash": lambda tx: tx.api_keys.insert(
            replace(key, id=new_id(IdPrefix.API_KEY), previous_secret_hash=None)
        ),
        "api_keys_previous_secret_hash": lambda tx: tx.api_keys.insert(
            replace(key, id=new_id(IdPrefix.API_KEY), secret_hash="0" * 64)
        ),
    }
    for constraint, insert in inserts.items():
        with pytest.raises(UniqueTaken) as taken:
            async with store.transaction() as tx:
                await insert(tx)
        assert taken.value.constraint == constraint


async def test_a_save_may_meet_a_taken_value_too(store: Store) -> None:
    first, second = a_customer(), a_customer()
    async with store.transaction() as tx:
        await tx.customers.insert(first)
        await tx.customers.insert(second)

    with pytest.raises(UniqueTaken) as taken:
        async with store.transaction() as tx:
            await tx.customers.save(replace(second, external_id=first.external_id))

    assert taken.value.constraint == "customers_external_id"


async def test_records_without_a_reference_do_not_stand_in_each_others_way(store: Store) -> None:
    order, method = await a_stored_order(store)
    ended = replace(a_charge(order, method, state=ChargeState.DECLINED), charge_ref=None)
    async with store.transaction() as tx:
        for _ in range(2):
            await tx.customers.insert(replace(a_customer(), external_id=None))
            await tx.orders.insert(replace(order, id=new_id(IdPrefix.ORDER), external_id=None, lines=()))
            await tx.charges.insert(replace(ended, id=new_id(IdPrefix.CHARGE)))

    async with store.reading() as tx:
        assert len(await tx.charges.of_order(order.id)) == 2


@pytest.mark.parametrize("over", [PaymentMethodState.DETACHED, PaymentMethodState.FAILED])
async def test_a_card_that_went_may_come_again(store: Store, over: PaymentMethodState) -> None:
    customer = a_customer()
    gone = replace(a_payment_method(customer), state=over)
    back = replace(gone, id=new_id(IdPrefix.PAYMENT_METHOD), state=PaymentMethodState.ACTIVE)
    async with store.transaction() as tx:
        await tx.customers.insert(customer)
        await tx.payment_methods.insert(gone)
        assert await tx.payment_methods.find_by_ref("fake", str(gone.payment_method_ref)) == gone
        await tx.payment_methods.insert(back)
        await tx.payment_methods.insert(replace(gone, id=new_id(IdPrefix.PAYMENT_METHOD)))

    async with store.reading() as tx:
        assert await tx.payment_methods.find_by_ref("fake", str(gone.payment_method_ref)) == back


async def test_a_finished_operation_makes_room_for_the_next(store: Store) -> None:
    charge = await a_stored_charge(store)
    refund = a_refund(charge)
    done, next_one = an_operation(charge, finished_at=NOW), an_operation(charge)
    async with store.transaction() as tx:
        await tx.refunds.insert(refund)
        await tx.operations.insert(done)
        await tx.operations.insert(an_operation(charge, refund=refund))
        assert await tx.operations.unfinished_of_charge(charge.id) is None
        await tx.operations.insert(next_one)

    async with store.reading() as tx:
        assert await tx.operations.unfinished_of_charge(charge.id) == next_one


async def test_charges_of_an_order_come_oldest_first(store: Store) -> None:
    order, method = await a_stored_order(store)
    charges = [a_charge(order, method, state=ChargeState.DECLINED) for _ in range(3)]
    async with store.transaction() as tx:
        for charge in reversed(charges):
            await tx.charges.insert(charge)

    async with store.reading() as tx:
        assert await tx.charges.of_order(order.id) == charges
        assert await tx.charges.live_with_payment_method(method.id) is False

    async with store.transaction() as tx:
        await tx.charges.insert(a_charge(order, method, state=ChargeState.UNKNOWN))
        assert await tx.charges.live_with_payment_method(method.id) is True


# --- transactions -----------------------------------------------------------------------------------------------------


async def test_an_exception_undoes_the_whole_transaction(store: Store) -> None:
    customer = a_customer()

    async def fail_halfway() -> None:
        async with store.transaction() as tx:
            await tx.customers.insert(customer)
            await tx.products.insert(a_product())
            raise InvalidInput("no", path=())

    with pytest.raises(InvalidInput):
        await fail_halfway()
    async with store.reading() as tx:
        assert await tx.customers.get(customer.id) is None


@pytest.mark.fault("F45")
async def test_a_cancellation_undoes_the_whole_transaction(store: Store) -> None:
    customer, inserted = a_customer(), asyncio.Event()

    async def work() -> None:
        async with store.transaction() as tx:
            await tx.customers.insert(customer)
            inserted.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await inserted.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async with store.transaction() as tx:
        assert await tx.customers.get(customer.id) is None


@pytest.mark.fault("F44")
async def test_after_a_failure_the_transaction_is_over(store: Store) -> None:
    first, customer = a_customer(), a_customer()
    async with store.transaction() as tx:
        await tx.customers.insert(first)

    async def carry_on_after_it() -> None:
        async with store.transaction() as tx:
            await tx.customers.insert(customer)
            with pytest.raises(UniqueTaken):
                await tx.customers.insert(first)
            with pytest.raises(TransactionMisused):
                await tx.customers.get(first.id)

    with pytest.raises(TransactionAborted):
        await carry_on_after_it()
    async with store.reading() as tx:
        assert await tx.customers.get(customer.id) is None


async def test_a_transaction_that_has_ended_is_of_no_use(store: Store) -> None:
    async with store.transaction() as tx:
        pass
    with pytest.raises(TransactionMisused):
        await tx.customers.get("cus_1")


async def test_a_reading_takes_no_locks_and_writes_nothing(store: Store) -> None:
    order, _ = await a_stored_order(store)
    uses: list[Callable[[Transaction], Awaitable[Any]]] = [
        lambda tx: tx.orders.get_for_update(order.id),
        lambda tx: tx.orders.save(order),
        lambda tx: tx.customers.insert(a_customer()),
        lambda tx: tx.facts.put("a", "b"),
    ]
    async with store.reading() as tx:
        for use in uses:
            with pytest.raises(TransactionMisused):
                await use(tx)
        assert await tx.orders.get(order.id) == order


async def test_a_reading_does_not_wait_for_a_writer(store: Store) -> None:
    order, _ = await a_stored_order(store)
    read: list[object] = []

    async def look() -> None:
        async with store.reading() as tx:
            read.append(await tx.orders.get(order.id))

    async with store.transaction() as tx:
        await tx.orders.save(order.with_line(a_line(), now=LATER))
        await asyncio.wait_for(asyncio.create_task(look()), 10)

    assert read == [order]


async def test_a_locked_row_is_read_as_the_last_writer_left_it(store: Store, rival: Store) -> None:
    charge = await a_stored_charge(store)

    async def reserve(of: Store) -> None:
        async with of.transaction() as tx:
            found = await tx.charges.get_for_update(charge.id)
            assert found is not None
            await tx.charges.save(found.refund_requested(usd(1_00), now=LATER))

    await asyncio.gather(*(reserve(of) for of in [store, rival] * 8))

    async with store.reading() as tx:
        found = await tx.charges.get(charge.id)
    assert found is not None
    assert found.refund_reserved == usd(16_00)


async def test_a_locked_order_has_the_lines_that_the_last_writer_left(store: Store, rival: Store) -> None:
    order, _ = await a_stored_order(store)

    async def add(of: Store) -> None:
        async with of.transaction() as tx:
            found = await tx.orders.get_for_update(order.id)
            assert found is not None
            await tx.orders.save(found.with_line(a_line(1_00), now=LATER))

    await asyncio.gather(*(add(of) for of in [store, rival] * 6))

    async with store.reading() as tx:
        found = await tx.orders.get(order.id)
    assert found is not None
    assert (len(found.lines), found.total, found.version) == (13, usd(32_00), 13)


@pytest.mark.fault("F24")
async def test_of_charges_made_at_once_one_lives(store: Store, rival: Store) -> None:
    order, method = await a_stored_order(store)
    charges = [a_charge(order, method, state=ChargeState.PENDING) for _ in range(10)]

    async def insert(place: int) -> str:
        try:
            async with (store, rival)[place % 2].transaction() as tx:
                await tx.charges.insert(charges[place])
        except UniqueTaken as taken:
            return taken.constraint
        return "won"

    answers = await asyncio.gather(*(insert(place) for place in range(10)))

    assert sorted(answers) == ["charges_one_live_an_order"] * 9 + ["won"]
    async with store.reading() as tx:
        assert await tx.charges.of_order(order.id) == [charges[answers.index("won")]]


# --- ledger and events ------------------------------------------------------------------------------------------------


async def test_nothing_to_write_is_fine(store: Store) -> None:
    async with store.transaction() as tx:
        await tx.ledger.add([])
        await tx.events.add()


async def test_an_event_may_name_an_object_twice(store: Store) -> None:
    customer = a_customer()
    event = new_event(
        EventKind.CUSTOMER_UPDATED, customer.id, customer.id, actor="staff:ada", livemode=False, now=NOW, data={"a": 1}
    )
    async with store.transaction() as tx:
        await tx.events.add(event)

    with pytest.raises(UniqueTaken) as taken:
        async with store.transaction() as tx:
            await tx.events.add(event)
    assert taken.value.constraint == "events_id_key"


# --- client keys ------------------------------------------------------------------------------------------------------


async def test_a_key_points_at_what_its_first_request_made(store: Store) -> None:
    first, repeat = a_request(), a_request(fingerprint="other")
    async with store.transaction() as tx:
        assert await tx.keys.find(first) is None
        assert await tx.keys.claim(first, "chg_1", now=NOW) is None

    async with store.transaction() as tx:
        found = await tx.keys.claim(repeat, "chg_2", now=LATER)

    assert found is not None
    assert (found.object_id, found.fingerprint, found.created_at) == ("chg_1", first.fingerprint, NOW)
    async with store.reading() as tx:
        assert await tx.keys.find(repeat) == found


async def test_a_key_belongs_to_its_principal_and_its_mutation(store: Store) -> None:
    request = a_request()
    async with store.transaction() as tx:
        for other in (request, replace(request, principal="key:key_2"), replace(request, mutation="chargeRefund")):
            assert await tx.keys.claim(other, "chg_1", now=NOW) is None


async def test_a_key_that_is_released_may_be_used_again(store: Store) -> None:
    async with store.transaction() as tx:
        await tx.keys.claim(a_request("a"), "chg_1", now=NOW)
        await tx.keys.claim(a_request("b"), "chg_2", now=NOW)
        await tx.keys.release("chg_1")
        assert await tx.keys.claim(a_request("a"), "chg_3", now=NOW) is None
        assert await tx.keys.claim(a_request("b"), "chg_3", now=NOW) is not None


@pytest.mark.fault("F62")
async def test_old_keys_are_forgotten(store: Store) -> None:
    async with store.transaction() as tx:
        await tx.keys.claim(a_request("old"), "chg_1", now=NOW)
        await tx.keys.claim(a_request("new"), "chg_2", now=LATER)
        assert await tx.keys.delete_older_than(LATER) == 1
        assert await tx.keys.find(a_request("old")) is None
        assert await tx.keys.find(a_request("new")) is not None


@pytest.mark.fault("F62")
async def test_the_key_of_a_request_without_an_end_outlives_all_others(store: Store) -> None:
    """A retry that comes late must still find it: without the key the money would move a second time."""
    charge = await a_stored_charge(store, state=ChargeState.UNKNOWN)
    refund = a_refund(charge)
    charging, refunding = an_operation(charge), an_operation(charge, refund=refund)
    of = {"charge": charge.id, "refund": refund.id, "operation": charging.id, "nothing": "chg_0"}
    async with store.transaction() as tx:
        await tx.refunds.insert(refund)
        await tx.operations.insert(charging)
        await tx.operations.insert(refunding)
        for key, object_id in of.items():
            await tx.keys.claim(a_request(key), object_id, now=NOW)

    async def left() -> set[str]:
        async with store.transaction() as tx:
            await tx.keys.delete_older_than(LATER)
            return {key for key in of if await tx.keys.find(a_request(key))}

    assert await left() == {"charge", "refund", "operation"}
    async with store.transaction() as tx:
        await tx.operations.save(charging.finished(now=LATER))
    # The charge has a refund under way, which is a request about it, too.
    assert await left() == {"charge", "refund"}
    async with store.transaction() as tx:
        await tx.operations.save(refunding.finished(now=LATER))
    assert await left() == set()


async def test_what_a_client_put_into_a_key_is_not_stored(store: Store, database: Database) -> None:
    request = a_request("ada@example.org pays order 42")
    async with store.transaction() as tx:
        await tx.keys.claim(request, "chg_1", now=NOW)
        found = await tx.keys.find(request)

    assert found is not None
    assert found.key == request.digest
    async with database.reader() as connection:
        (row,) = await connection.fetch_all("SELECT * FROM idempotency_keys")
    assert row["key"] == request.digest
    assert "ada@example.org" not in repr(row)


async def test_of_requests_with_one_key_at_once_one_wins_and_the_others_see_it(store: Store, rival: Store) -> None:
    async def claim(place: int) -> str | None:
        async with (store, rival)[place % 2].transaction() as tx:
            found = await tx.keys.claim(a_request(), f"chg_{place}", now=NOW)
            await asyncio.sleep(0.005)
            return found.object_id if found else None

    answers = await asyncio.gather(*(claim(place) for place in range(10)))

    winner = answers.index(None)
    assert answers == [None if place == winner else f"chg_{winner}" for place in range(10)]


async def test_a_key_whose_claim_was_rolled_back_is_free(store: Store, rival: Store) -> None:
    claimed = asyncio.Event()

    async def give_up() -> None:
        async with store.transaction() as tx:
            await tx.keys.claim(a_request(), "chg_1", now=NOW)
            claimed.set()
            await asyncio.sleep(0.05)
            raise InvalidInput("no", path=())

    async def come_second() -> object:
        await claimed.wait()
        async with rival.transaction() as tx:
            return await tx.keys.claim(a_request(), "chg_2", now=NOW)

    first, second = await asyncio.gather(give_up(), come_second(), return_exceptions=True)

    assert isinstance(first, InvalidInput)
    assert second is None
