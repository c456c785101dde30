"""A shop to which anything happens, in any order: what clients, customers, the bank, its webhooks, time and death do.

Rules choose; what they choose is done to a real gateway on a real database with a real bank. After each rule the
promises hold; at the end everybody behaves, time passes, and everything is at its end on both sides.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Coroutine, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from adapters.fake import Bank, WebhookSender
from adapters.fake.webhooks import SIGNATURE_HEADER, sign
from domain.charges import Charge, ChargeState, FailureCode
from domain.provider import RedirectAction, WebhookRejected
from persistence.database import Database
from persistence.sql import Dialect
from tests.databases import temporary_database
from tests.forks import Deed, Forks
from tests.services.lives import do
from tests.services.shop import ACCOUNT, MovableClock, Shop, open_shop

T = TypeVar("T")

MOST_ORDERS = 4
"""A story about a few orders to which much happens tells more than one about many."""

TOKENS = (
    *("tok_visa",) * 4,
    *("tok_threeDSecureRequired",) * 2,
    "tok_chargeDeclined",
    "tok_chargePending",
    "tok_chargePendingThenDeclined",
    "tok_pendingRefund",
    "tok_pendingRefundFail",
    "tok_refundFailAtOnce",
)
TOLD_BY_WEBHOOK = "tok_refundFail"
"""Nobody looks at a refund that has succeeded: that its money came back is told by a webhook, or not at all."""

CALLS = {
    "pay": "charge",
    "hold": "charge",
    "continue": "continue_charge",
    "capture": "capture",
    "void": "void",
    "refund": "refund",
    "cancel": "void",
}
"""What a client may ask for, and what the bank is then asked for."""
LIKELY: dict[ChargeState | None, tuple[str, ...]] = {
    None: ("pay", "hold"),
    ChargeState.REQUIRES_ACTION: ("continue", "void", "cancel"),
    ChargeState.AUTHORIZED: ("capture", "capture", "void", "cancel"),
    ChargeState.SUCCEEDED: ("refund",),
    ChargeState.DECLINED: ("pay", "hold"),
    ChargeState.FAILED: ("pay", "hold"),
    ChargeState.VOIDED: ("pay", "hold"),
    ChargeState.EXPIRED: ("pay", "hold"),
}
"""What makes sense for an order with such a last charge. Anything else is asked for too, less often."""
LOOKS = ("find_charge", "find_refund", "fetch_charge", "fetch_refund")
ABOUT_A_CHARGE = {"continue", "capture", "void", "refund"}

FAULTS = ("lose_answer", "reset", "error", "error_after", "rate_limit", "html", "truncate", "empty", "refuse")
"""Without those that take time, of which a story has a lot, but not a test."""

LONGEST_STORY_DAYS = 12
"""After what happened last: a hold is given up after seven days, what failed is tried again for a day."""

amounts = st.sampled_from((None, 1, 7_00, 12_00, 20_00))
faults = st.one_of(st.none(), st.sampled_from(FAULTS))
"""Of the one call that is made next, if any."""


class Story(RuleBasedStateMachine):
    orders = Bundle("orders")
    asked = Bundle("asked")

    def __init__(self, dialect: Dialect, forks: Forks) -> None:
        super().__init__()
        self.rented = ExitStack()
        folder = Path(self.rented.enter_context(TemporaryDirectory(prefix="paydesk-story-")))
        self.url = self.rented.enter_context(temporary_database(dialect, folder))
        self.runner = self.rented.enter_context(asyncio.Runner())
        self.books = folder / "bank.sqlite3"
        self.forks = forks
        self.clock = MovableClock()
        self.bank = Bank(self.books, clock=self.clock, public_url="http://bank.test")
        self.customers: dict[str, str] = {}
        self.answers: dict[str, object] = {}
        self.bodies: list[bytes] = []
        self.made = 0
        self.has_webhooks = True
        self.goes_well = True
        self.database, self.shop = self.run(self.open())

    def run(self, story: Coroutine[Any, Any, T]) -> T:
        goes_well, self.goes_well = self.goes_well, False
        told = self.runner.run(story)
        self.goes_well = goes_well
        return told

    async def open(self) -> tuple[Database, Shop]:
        database = await Database.open(self.url)
        return database, open_shop(database, self.bank, self.clock)

    @initialize(webhooks=st.booleans())
    def bank_has_our_address(self, webhooks: bool) -> None:
        """Without webhooks nothing is lost either: looks find it."""
        self.has_webhooks = webhooks

    # --- clients ----------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.made < MOST_ORDERS)
    @rule(
        target=orders,
        token=st.sampled_from((*TOKENS, TOLD_BY_WEBHOOK)),
        asked=st.sampled_from((None, "pay", "pay", "hold")),
        fault=faults,
    )
    def order(self, token: str, asked: str | None, fault: str | None) -> str:
        """A new one of 20 USD; it may be paid at once."""

        async def create() -> str:
            if token not in self.customers:
                self.customers[token] = await self.shop.customer()
                await self.shop.card(self.customers[token], token)
            return await self.shop.order_of(self.customers[token], 20_00)

        if token == TOLD_BY_WEBHOOK and not self.has_webhooks:
            token = "tok_visa"
        self.made += 1
        order: str = self.run(create())
        if asked is not None:
            self.ask(order, asked, None, fault)
        return order

    @rule(target=asked, order=orders, amount=amounts, fault=faults, data=st.data())
    def client_asks(self, order: str, amount: int | None, fault: str | None, data: st.DataObject) -> Deed:
        return self.ask(order, data.draw(self.what(order)), amount, fault)

    @rule(deed=asked)
    def client_asks_again(self, deed: Deed) -> None:
        self.run(self.hear(deed, do(self.shop, deed)))

    @rule(order=orders, amount=amounts, fault=faults, data=st.data())
    def clients_ask_at_once(self, order: str, amount: int | None, fault: str | None, data: st.DataObject) -> None:
        several = data.draw(st.lists(self.what(order), min_size=2, max_size=4))
        deeds = [self.deed(order, what, amount) for what in several]
        self.misbehave(CALLS[several[0]], fault)

        async def all_of_them() -> None:
            await asyncio.gather(*(self.hear(deed, do(self.shop, deed)) for deed in deeds))

        self.run(all_of_them())

    # --- processes that die -----------------------------------------------------------------------------------------

    @rule(target=asked, order=orders, amount=amounts, step=st.integers(1, 10), data=st.data())
    def process_dies_while_asked(self, order: str, amount: int | None, step: int, data: st.DataObject) -> Deed:
        deed = self.deed(order, data.draw(self.what(order)), amount)
        (life,) = self.forks.live(deed.dying_at(step))
        if not life.was_killed:
            self.answers[deed.key] = life.told
        return deed

    @rule(what=st.sampled_from(("work", "take webhooks")), step=st.integers(1, 20))
    def process_dies_at_work(self, what: str, step: int) -> None:
        self.run(self.shop.make_jobs_due())
        self.forks.live(self.deed("", what, None).dying_at(step))

    # --- customers, and the bank ------------------------------------------------------------------------------------

    @rule(order=orders, confirmed=st.booleans())
    def customer_answers(self, order: str, confirmed: bool) -> None:
        charge = self.last_charge(order)
        if charge is not None and isinstance(charge.next_action, RedirectAction):
            self.run(self.shop.answer_challenge(charge, confirmed=confirmed))

    @rule(call=st.sampled_from(LOOKS), fault=st.sampled_from(FAULTS))
    def bank_will_not_tell(self, call: str, fault: str) -> None:
        self.misbehave(call, fault)

    @precondition(lambda self: self.has_webhooks)
    @rule()
    def webhooks_come(self) -> None:
        self.run(self.deliver_due())

    @precondition(lambda self: self.bodies)
    @rule(chance=st.randoms(use_true_random=False))
    def webhooks_come_again(self, chance: Any) -> None:
        bodies = chance.sample(self.bodies, k=min(3, len(self.bodies)))

        async def all_of_them() -> None:
            for body in bodies:
                await self.post(body, {SIGNATURE_HEADER: self.signature(body)})

        self.run(all_of_them())

    # --- time -------------------------------------------------------------------------------------------------------

    @rule(minutes=st.sampled_from((1, 11, 61, 24 * 60, 8 * 24 * 60)))
    def time_passes(self, minutes: int) -> None:
        self.clock.advance(minutes=minutes)

    @rule(all_of_them=st.booleans(), call=st.sampled_from(sorted(set(CALLS.values()))), fault=faults)
    def jobs_run(self, all_of_them: bool, call: str, fault: str | None) -> None:
        self.misbehave(call, fault)
        self.run(self.shop.run_jobs() if all_of_them else self.shop.worker.run_due())

    # --- what has to hold -------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_broken(self) -> None:
        self.run(self.look())

    async def look(self) -> None:
        await self.shop.check()
        # The promise allows for it where a person is told; this bank gives no reason to charge anything twice.
        orders = {row["id"]: row["order_id"] for row in await self.shop.rows("SELECT id, order_id FROM charges")}
        taken: Counter[str] = Counter()
        for charge in self.bank.truth().charges:
            taken[orders[charge.charge_id]] += charge.captured
        assert all(amount <= 20_00 for amount in taken.values()), taken

    async def hear(self, deed: Deed, answer: Awaitable[object]) -> None:
        """I5: what was answered to a request is answered to it again, unless it certainly has not left."""
        told = await answer
        before = self.answers.get(deed.key)
        self.answers[deed.key] = told
        if deed.what in ("pay", "hold", "refund") and before != told and await self.may_have_left(before):
            raise AssertionError(f"{deed} was answered with {before}, and then with {told}")

    async def may_have_left(self, made: object) -> bool:
        """Whether this is the id of something, and not of what the provider never heard of."""
        if not isinstance(made, str) or not made.startswith(("chg_", "ref_")):
            return False
        table = "charges" if made.startswith("chg_") else "refunds"
        (row,) = await self.shop.rows(f"SELECT failure_code FROM {table} WHERE id = $1", made)
        return bool(row["failure_code"] != FailureCode.PROVIDER_UNAVAILABLE)

    def teardown(self) -> None:
        try:
            if self.goes_well:
                self.run(self.come_to_an_end())
        finally:
            self.runner.run(self.close())
            self.bank.close()
            self.rented.close()

    async def come_to_an_end(self) -> None:
        self.bank.misbehave("")
        for _ in range(LONGEST_STORY_DAYS):
            self.clock.advance(days=1)
            if self.has_webhooks:
                await self.deliver_due()
            await self.shop.run_jobs()
        await self.shop.check(settled=True)

    async def close(self) -> None:
        await self.shop.close()
        await self.database.close()

    # --- helpers ----------------------------------------------------------------------------------------------------

    def what(self, order: str) -> st.SearchStrategy[str]:
        charge = self.last_charge(order)
        likely = LIKELY.get(charge.state if charge else None, ())
        return st.sampled_from(likely * 4 + tuple(CALLS))

    def ask(self, order: str, what: str, amount: int | None, fault: str | None) -> Deed:
        deed = self.deed(order, what, amount)
        self.misbehave(CALLS[what], fault)
        self.run(self.hear(deed, do(self.shop, deed)))
        return deed

    def misbehave(self, call: str, fault: str | None) -> None:
        """The next call of this kind goes wrong, and no other."""
        self.bank.misbehave("")
        if fault is not None:
            self.bank.misbehave(f"{call}#1={fault}")

    def deed(self, order: str, what: str, amount: int | None) -> Deed:
        subject = order
        if what in ABOUT_A_CHARGE:
            charge = self.last_charge(order)
            subject = "chg_00000000000000000000000000" if charge is None else charge.id
        return Deed(
            what=what,
            url=self.url,
            books=str(self.books),
            moment=self.clock.now(),
            subject=subject,
            key=f"request {next(self.shop.numbers)}",
            amount=amount,
        )

    def last_charge(self, order: str) -> Charge | None:
        charges = self.run(self.shop.charges_of(order))
        return charges[-1] if charges else None

    async def deliver_due(self) -> None:
        sender = WebhookSender(self.bank, url="http://gateway.test", clock=self.clock)

        async def post(body: bytes, headers: Mapping[str, str]) -> int:
            self.bodies.append(body)
            return await self.post(body, headers)

        while await sender.deliver_due(post):
            pass

    async def post(self, body: bytes, headers: Mapping[str, str]) -> int:
        try:
            await self.shop.webhooks.receive(ACCOUNT, headers, body)
        except WebhookRejected:
            return 400
        return 200

    def signature(self, body: bytes) -> str:
        return sign(body, secrets=[self.bank.webhook_secret], moment=self.clock.now())
