"""What may happen to an order in each state, and what its charges make of it."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import (
    AmountNotRepresentable,
    CurrencyMismatch,
    InvalidInput,
    NotFound,
    OrderAlreadyPaid,
    OrderEmpty,
    OrderNotCancelable,
    OrderNotOpen,
    OrderNotPayable,
    PaydeskError,
    StaleVersion,
)
from domain.money import MAXIMUM_MINOR_UNITS, Money
from domain.orders import MAXIMUM_LINES, MAXIMUM_QUANTITY, Order, OrderState, PaymentState, payment_state
from tests.domain.examples import LATER, MUCH_LATER, NOW, many, new_line, new_order, usd

TEA = new_line(10_00)


class TestChanges:
    @pytest.mark.parametrize(
        "change",
        [
            lambda order: order.with_line(new_line(), now=LATER),
            lambda order: order.with_quantity(TEA.id, 2, now=LATER),
            lambda order: order.without_line(TEA.id, now=LATER),
            lambda order: order.placed(now=LATER),
            lambda order: order.check_open(),
        ],
    )
    @pytest.mark.parametrize("state", OrderState)
    def test_only_an_open_order_changes(self, state: OrderState, change: Callable[[Order], object]) -> None:
        order = new_order(TEA, state=state)
        if state is OrderState.OPEN:
            change(order)
            return
        with pytest.raises(OrderNotOpen, match=state.lower()):
            change(order)

    def test_lines_keep_the_order_in_which_they_were_added(self) -> None:
        first, second, third = new_line(1), new_line(2), new_line(3)
        order = new_order()
        for line in (first, second, third):
            order = order.with_line(line, now=LATER)
        assert order.lines == (first, second, third)
        assert order.without_line(second.id, now=LATER).lines == (first, third)
        assert order.updated_at == LATER

    def test_a_quantity_changes_one_line_only(self) -> None:
        first, second = new_line(1_00), new_line(2_00, 3)
        order = new_order(first, second).with_quantity(first.id, 5, now=LATER)
        assert [line.quantity for line in order.lines] == [5, 3]
        assert order.total == usd(11_00)

    @pytest.mark.parametrize(
        "change",
        [
            lambda order: order.with_quantity("line_x", 1, now=LATER),
            lambda order: order.without_line("line_x", now=LATER),
        ],
    )
    def test_a_line_of_another_order_is_not_found(self, change: Callable[[Order], object]) -> None:
        with pytest.raises(NotFound) as refused:
            change(new_order(TEA))
        assert refused.value.path == ("lineId",)

    @pytest.mark.parametrize("quantity", [0, -1, MAXIMUM_QUANTITY + 1, 2**63])
    def test_a_quantity_out_of_range_is_refused(self, quantity: int) -> None:
        with pytest.raises(InvalidInput) as refused:
            new_order(TEA).with_quantity(TEA.id, quantity, now=LATER)
        assert refused.value.path == ("quantity",)
        with pytest.raises(InvalidInput):
            new_line(quantity=quantity)

    def test_the_largest_quantity_is_taken(self) -> None:
        assert new_line(1, MAXIMUM_QUANTITY).amount == usd(MAXIMUM_QUANTITY)

    def test_an_order_has_one_currency(self) -> None:
        with pytest.raises(CurrencyMismatch) as refused:
            new_order(TEA).with_line(new_line(Money(10_00, "EUR")), now=LATER)
        assert (refused.value.expected, refused.value.actual) == ("USD", "EUR")

    def test_a_line_never_lowers_the_total(self) -> None:
        with pytest.raises(InvalidInput, match="below zero"):
            new_order(TEA).with_line(new_line(-1), now=LATER)

    def test_the_number_of_lines_is_limited(self) -> None:
        line = new_line(1)
        order = new_order(*[line] * (MAXIMUM_LINES - 1)).with_line(line, now=LATER)
        assert len(order.lines) == MAXIMUM_LINES
        with pytest.raises(InvalidInput, match="lines at most"):
            order.with_line(line, now=LATER)

    def test_a_version_that_moved_on_is_stale(self) -> None:
        order = new_order(version=3)
        order.check_version(None)
        order.check_version(3)
        for expected in (1, 2, 4, 0, -3):
            with pytest.raises(StaleVersion, match=str(expected)):
                order.check_version(expected)


class TestTotals:
    @many
    @given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 1_000)), max_size=20))
    def test_the_total_is_the_sum_of_the_lines(self, lines: list[tuple[int, int]]) -> None:
        order = new_order()
        for amount, quantity in lines:
            order = order.with_line(new_line(amount, quantity), now=LATER)
        assert order.total == usd(sum(amount * quantity for amount, quantity in lines))

    @many
    @given(st.integers(1, MAXIMUM_MINOR_UNITS), st.integers(1, MAXIMUM_QUANTITY), st.integers(1, 10**15))
    def test_a_total_that_no_client_reads_exactly_is_refused_when_the_line_comes(
        self, already: int, quantity: int, beyond: int
    ) -> None:
        order = new_order(new_line(already))
        room = MAXIMUM_MINOR_UNITS - already
        fitting = new_line(room // quantity, quantity)
        assert order.with_line(fitting, now=LATER).total.minor_units <= MAXIMUM_MINOR_UNITS
        with pytest.raises(AmountNotRepresentable):
            order.with_line(new_line(min(room // quantity + beyond, MAXIMUM_MINOR_UNITS), quantity), now=LATER)

    def test_nor_does_a_quantity_lift_it_that_high(self) -> None:
        line = new_line(MAXIMUM_MINOR_UNITS)
        order = new_order(line)
        assert order.total == usd(MAXIMUM_MINOR_UNITS)
        with pytest.raises(AmountNotRepresentable):
            order.with_quantity(line.id, 2, now=LATER)

    def test_an_order_without_lines_costs_nothing_in_its_own_currency(self) -> None:
        assert new_order(currency="JPY").total == Money(0, "JPY")


class TestPlacing:
    def test_a_placed_order_waits_for_its_money(self) -> None:
        order = new_order(TEA).placed(now=LATER)
        assert (order.state, order.placed_at, order.completed_at) == (OrderState.PLACED, LATER, None)

    def test_a_total_of_zero_completes_when_placed(self) -> None:
        order = new_order(new_line(0, 3)).placed(now=LATER)
        assert (order.state, order.placed_at, order.completed_at) == (OrderState.COMPLETED, LATER, LATER)

    def test_an_order_without_lines_cannot_be_placed(self) -> None:
        with pytest.raises(OrderEmpty):
            new_order().placed(now=LATER)

    def test_every_end_is_dated(self) -> None:
        order = new_order(TEA)
        completed, canceled, expired = order.completed(now=LATER), order.canceled(now=LATER), order.expired(now=LATER)
        assert (completed.state, completed.completed_at) == (OrderState.COMPLETED, LATER)
        assert (canceled.state, canceled.canceled_at) == (OrderState.CANCELED, LATER)
        assert (expired.state, expired.updated_at) == (OrderState.EXPIRED, LATER)


TOTAL = 10_00
NOTHING, PART, ALL, MORE = 0, 1, TOTAL, TOTAL + 1

PAYABLE: dict[tuple[OrderState, int], type[PaydeskError] | None] = {
    (OrderState.OPEN, NOTHING): None,
    (OrderState.OPEN, PART): None,
    (OrderState.OPEN, ALL): OrderAlreadyPaid,
    (OrderState.OPEN, MORE): OrderAlreadyPaid,
    (OrderState.PLACED, NOTHING): None,
    (OrderState.PLACED, PART): None,
    (OrderState.PLACED, ALL): OrderAlreadyPaid,
    (OrderState.PLACED, MORE): OrderAlreadyPaid,
    **{(OrderState.COMPLETED, captured): OrderAlreadyPaid for captured in (NOTHING, PART, ALL, MORE)},
    **{
        (state, captured): OrderNotPayable
        for state in (OrderState.CANCELED, OrderState.EXPIRED)
        for captured in (NOTHING, PART, ALL, MORE)
    },
}

CANCELABLE: dict[tuple[OrderState, int], type[PaydeskError] | None] = {
    (state, kept): OrderNotCancelable for state in OrderState for kept in (NOTHING, PART, ALL, MORE)
} | {(OrderState.OPEN, NOTHING): None, (OrderState.PLACED, NOTHING): None}


class TestPayingAndCancelling:
    @pytest.mark.parametrize(("state", "captured"), PAYABLE)
    def test_what_may_be_paid(self, state: OrderState, captured: int) -> None:
        refusal = PAYABLE[state, captured]
        order = new_order(TEA, state=state)
        if refusal is None:
            order.check_payable(captured=usd(captured), now=NOW)
            return
        with pytest.raises(refusal) as refused:
            order.check_payable(captured=usd(captured), now=NOW)
        assert refused.value.path == ("orderId",)

    @pytest.mark.parametrize(("state", "kept"), CANCELABLE)
    def test_what_may_be_cancelled(self, state: OrderState, kept: int) -> None:
        refusal = CANCELABLE[state, kept]
        order = new_order(TEA, state=state)
        if refusal is None:
            order.check_cancelable(kept=usd(kept))
            return
        with pytest.raises(refusal) as refused:
            order.check_cancelable(kept=usd(kept))
        assert refused.value.path == ("orderId",)

    def test_the_tables_have_every_state(self) -> None:
        assert {state for state, _ in PAYABLE} == {state for state, _ in CANCELABLE} == set(OrderState)

    @pytest.mark.parametrize("state", [OrderState.OPEN, OrderState.PLACED])
    def test_an_empty_order_cannot_be_paid_but_cancelled(self, state: OrderState) -> None:
        order = new_order(state=state)
        with pytest.raises(OrderEmpty):
            order.check_payable(captured=usd(0), now=NOW)
        order.check_cancelable(kept=usd(0))

    def test_an_order_that_costs_nothing_may_be_paid_once(self) -> None:
        order = new_order(new_line(0))
        order.check_payable(captured=usd(0), now=NOW)
        with pytest.raises(OrderAlreadyPaid):
            order.placed(now=LATER).check_payable(captured=usd(0), now=NOW)

    @pytest.mark.parametrize("state", [OrderState.OPEN, OrderState.PLACED])
    def test_a_deadline_that_has_passed_refuses_a_payment_before_anybody_wrote_it_down(self, state: OrderState) -> None:
        order = new_order(TEA, state=state, expires_at=LATER)
        order.check_payable(captured=usd(0), now=NOW)
        for now in (LATER, MUCH_LATER):
            with pytest.raises(OrderNotPayable, match="expired") as refused:
                order.check_payable(captured=usd(0), now=now)
            assert refused.value.path == ("orderId",)

    def test_a_completed_order_is_paid_and_not_late(self) -> None:
        with pytest.raises(OrderAlreadyPaid):
            new_order(TEA, state=OrderState.COMPLETED, expires_at=NOW).check_payable(captured=usd(ALL), now=LATER)

    def test_a_canceled_order_stays_canceled_when_its_deadline_passes(self) -> None:
        with pytest.raises(OrderNotPayable, match="canceled"):
            new_order(TEA, state=OrderState.CANCELED, expires_at=NOW).check_payable(captured=usd(0), now=LATER)

    def test_a_refusal_to_cancel_says_that_a_part_is_paid(self) -> None:
        with pytest.raises(OrderNotCancelable, match="paid in part"):
            new_order(TEA, state=OrderState.PLACED).check_cancelable(kept=usd(1))


class TestPaymentState:
    @pytest.mark.parametrize(
        ("total", "authorized", "captured", "refunded", "placed", "expected"),
        [
            (100, 0, 0, 0, False, PaymentState.UNPAID),
            (100, 0, 0, 0, True, PaymentState.UNPAID),
            (100, 100, 0, 0, True, PaymentState.AUTHORIZED),
            (100, 60, 40, 0, True, PaymentState.PARTIALLY_PAID),
            (100, 0, 40, 0, True, PaymentState.PARTIALLY_PAID),
            (100, 0, 99, 0, True, PaymentState.PARTIALLY_PAID),
            (100, 0, 100, 0, True, PaymentState.PAID),
            (100, 100, 100, 0, True, PaymentState.PAID),
            (100, 0, 101, 0, True, PaymentState.OVERPAID),
            (100, 0, 100, 1, True, PaymentState.PARTIALLY_REFUNDED),
            (100, 0, 100, 99, True, PaymentState.PARTIALLY_REFUNDED),
            (100, 0, 100, 100, True, PaymentState.REFUNDED),
            (100, 0, 40, 40, True, PaymentState.REFUNDED),
            (100, 60, 40, 10, True, PaymentState.PARTIALLY_REFUNDED),
            # Paid twice: once the duplicate is back, the order is paid, and neither more nor less.
            (100, 0, 200, 0, True, PaymentState.OVERPAID),
            (100, 0, 200, 99, True, PaymentState.OVERPAID),
            (100, 0, 200, 100, True, PaymentState.PAID),
            (100, 0, 200, 100, False, PaymentState.PARTIALLY_REFUNDED),
            (100, 0, 200, 101, True, PaymentState.PARTIALLY_REFUNDED),
            (100, 0, 200, 200, True, PaymentState.REFUNDED),
            (100, 0, 150, 50, True, PaymentState.PAID),
            (100, 0, 150, 49, True, PaymentState.OVERPAID),
            (0, 0, 5, 5, True, PaymentState.REFUNDED),
            (0, 0, 5, 4, True, PaymentState.OVERPAID),
            (0, 0, 0, 0, False, PaymentState.UNPAID),
            (0, 0, 0, 0, True, PaymentState.PAID),
            (0, 0, 5, 0, True, PaymentState.OVERPAID),
        ],
    )
    def test_it_follows_from_the_charges(
        self, total: int, authorized: int, captured: int, refunded: int, placed: bool, expected: PaymentState
    ) -> None:
        state = payment_state(total=total, authorized=authorized, captured=captured, refunded=refunded, placed=placed)
        assert state is expected

    @many
    @given(
        total=st.integers(0, 300),
        authorized=st.integers(0, 300),
        captured=st.integers(0, 300),
        kept=st.integers(0, 300),
        placed=st.booleans(),
    )
    def test_it_never_says_more_than_the_amounts(
        self, total: int, authorized: int, captured: int, kept: int, placed: bool
    ) -> None:
        refunded = max(captured - kept, 0)
        state = payment_state(total=total, authorized=authorized, captured=captured, refunded=refunded, placed=placed)
        assert (state is PaymentState.REFUNDED) == (captured > 0 and refunded == captured)
        assert (state in (PaymentState.UNPAID, PaymentState.AUTHORIZED)) <= (captured == 0)
        if state is PaymentState.PAID:
            assert captured - refunded == total
            assert placed
        assert (state is PaymentState.OVERPAID) == (captured - refunded > total)
        if state is PaymentState.PARTIALLY_REFUNDED:
            assert 0 < refunded < captured
        if state is PaymentState.AUTHORIZED:
            assert authorized > 0
