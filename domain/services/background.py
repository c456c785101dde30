"""What each kind of job does: a table from the word to the service."""

from collections.abc import Awaitable, Callable

from domain.clock import Clock
from domain.deployment import Deployment
from domain.idempotency import KEY_LIFETIME
from domain.jobs import Again, Job, JobKind
from domain.services.billing import Billing
from domain.services.charges import ChargeService
from domain.services.orders import OrderService
from domain.services.payment_methods import PaymentMethodService
from domain.services.reconciliation import ReconciliationService
from domain.services.redactions import RedactionService
from domain.services.resolver import Resolver
from domain.services.test_clocks import TestClockService
from domain.services.voids import VoidService
from domain.services.webhooks import WebhookService
from domain.store import Store

_ALL = "all"
_FORGET_EVERY_SECONDS = 3_600.0
"""A key may live an hour longer than promised; the table stays as large as three days make it."""

_CHANGES_SOMETHING_THERE = frozenset(
    {
        JobKind.RESOLVE_PAYMENT_METHOD,
        JobKind.EXPIRE_CHARGE,
        JobKind.EXPIRE_ORDER,
        JobKind.RELEASE_HOLD,
        JobKind.BILL_SUBSCRIPTION,
        JobKind.COLLECT_SUBSCRIPTION,
        JobKind.FORGET_PAYMENT_METHOD,
        JobKind.FORGET_CUSTOMER,
        JobKind.ADVANCE_CLOCK,
    }
)
"""They wait while the deployment is in recovery: what they would void or forget may have had another story since."""
_AFTER_RECOVERY_SECONDS = 300.0
"""Soon enough after recovery ended, and no load while it lasts."""


class Background:
    def __init__(
        self,
        *,
        store: Store,
        billing: Billing,
        charges: ChargeService,
        orders: OrderService,
        payment_methods: PaymentMethodService,
        reconciliation: ReconciliationService,
        redactions: RedactionService,
        resolver: Resolver,
        test_clocks: TestClockService,
        voids: VoidService,
        webhooks: WebhookService,
        clock: Clock,
        deployment: Deployment,
    ) -> None:
        self._store = store
        self._deployment = deployment
        self._clock = clock
        self._billing = billing
        self._charges = charges
        self._orders = orders
        self._payment_methods = payment_methods
        self._reconciliation = reconciliation
        self._redactions = redactions
        self._resolver = resolver
        self._test_clocks = test_clocks
        self._voids = voids
        self._webhooks = webhooks
        self._handlers: dict[JobKind, Callable[[Job], Awaitable[Again | None]]] = {
            JobKind.RESOLVE_OPERATION: self._resolve_operation,
            JobKind.RESOLVE_PAYMENT_METHOD: self._resolve_payment_method,
            JobKind.EXPIRE_CHARGE: self._expire_charge,
            JobKind.EXPIRE_ORDER: self._expire_order,
            JobKind.APPLY_WEBHOOK: self._apply_webhook,
            JobKind.FORGET_PAYMENT_METHOD: self._forget_payment_method,
            JobKind.FORGET_CUSTOMER: self._forget_customer,
            JobKind.WATCH_CHARGE: self._watch_charge,
            JobKind.RELEASE_HOLD: self._release_hold,
            JobKind.BILL_SUBSCRIPTION: self._bill_subscription,
            JobKind.COLLECT_SUBSCRIPTION: self._collect_subscription,
            JobKind.RECONCILE: self._reconcile,
            JobKind.FORGET_KEYS: self._forget_keys,
            JobKind.ADVANCE_CLOCK: self._advance_clock,
        }

    async def begin(self) -> None:
        """What has to be going on in every deployment; called at each start, by every process."""
        async with self._store.transaction() as tx:
            await tx.jobs.schedule(JobKind.FORGET_KEYS, _ALL, after_seconds=0)
        await self._reconciliation.begin()

    async def run(self, job: Job) -> Again | None:
        """Do the work of one job; raises what the work raised, and the worker tries again later."""
        if self._deployment.recovery and job.kind in _CHANGES_SOMETHING_THERE:
            await self._wait(job, _AFTER_RECOVERY_SECONDS)
            return None
        return await self._handlers[job.kind](job)

    async def _resolve_operation(self, job: Job) -> Again | None:
        await self._resolver.resolve(job.subject_id)
        return None

    async def _resolve_payment_method(self, job: Job) -> Again | None:
        return await self._payment_methods.resolve(job.subject_id, tries=job.tries)

    async def _expire_charge(self, job: Job) -> None:
        await self._wait(job, await self._voids.expire(job.subject_id))

    async def _expire_order(self, job: Job) -> None:
        await self._wait(job, await self._orders.expire(job.subject_id))

    async def _wait(self, job: Job, seconds: float | None) -> None:
        """Scheduled anew, and not as a further try: waiting is no failure, however often it happens."""
        if seconds is not None:
            async with self._store.transaction() as tx:
                await tx.jobs.schedule(job.kind, job.subject_id, after_seconds=seconds)

    async def _apply_webhook(self, job: Job) -> Again | None:
        return await self._webhooks.apply(job.subject_id, tries=job.tries)

    async def _forget_payment_method(self, job: Job) -> None:
        await self._payment_methods.forget(job.subject_id)

    async def _forget_customer(self, job: Job) -> None:
        await self._redactions.forget(job.subject_id)

    async def _watch_charge(self, job: Job) -> None:
        await self._wait(job, await self._charges.watch(job.subject_id))

    async def _release_hold(self, job: Job) -> None:
        await self._wait(job, await self._voids.release(job.subject_id))

    async def _bill_subscription(self, job: Job) -> None:
        await self._wait(job, await self._billing.bill(job.subject_id))

    async def _collect_subscription(self, job: Job) -> None:
        await self._wait(job, await self._billing.collect(job.subject_id))

    async def _reconcile(self, job: Job) -> None:
        await self._wait(job, await self._reconciliation.run(job.subject_id))

    async def _forget_keys(self, job: Job) -> None:
        async with self._store.transaction() as tx:
            await tx.keys.delete_older_than(self._clock.now() - KEY_LIFETIME)
            await tx.declines.delete_kept_until(self._clock.now())
        await self._wait(job, _FORGET_EVERY_SECONDS)

    async def _advance_clock(self, job: Job) -> None:
        await self._wait(job, await self._test_clocks.go_on(job.subject_id))
