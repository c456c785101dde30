"""What each kind of job does: a table from the word to the service."""

from collections.abc import Awaitable, Callable

from domain.jobs import Again, Job, JobKind
from domain.services.charges import ChargeService
from domain.services.orders import OrderService
from domain.services.payment_methods import PaymentMethodService
from domain.services.resolver import Resolver
from domain.services.webhooks import WebhookService
from domain.store import Store


class Background:
    def __init__(
        self,
        *,
        store: Store,
        charges: ChargeService,
        orders: OrderService,
        payment_methods: PaymentMethodService,
        resolver: Resolver,
        webhooks: WebhookService,
    ) -> None:
        self._store = store
        self._charges = charges
        self._orders = orders
        self._payment_methods = payment_methods
        self._resolver = resolver
        self._webhooks = webhooks
        self._handlers: dict[JobKind, Callable[[Job], Awaitable[Again | None]]] = {
            JobKind.RESOLVE_OPERATION: self._resolve_operation,
            JobKind.RESOLVE_PAYMENT_METHOD: self._resolve_payment_method,
            JobKind.EXPIRE_CHARGE: self._expire_charge,
            JobKind.EXPIRE_ORDER: self._expire_order,
            JobKind.APPLY_WEBHOOK: self._apply_webhook,
        }

    async def run(self, job: Job) -> Again | None:
        """Do the work of one job; raises what the work raised, and the worker tries again later."""
        return await self._handlers[job.kind](job)

    async def _resolve_operation(self, job: Job) -> Again | None:
        await self._resolver.resolve(job.subject_id)
        return None

    async def _resolve_payment_method(self, job: Job) -> Again | None:
        return await self._payment_methods.resolve(job.subject_id, tries=job.tries)

    async def _expire_charge(self, job: Job) -> None:
        await self._wait(job, await self._charges.expire(job.subject_id))

    async def _expire_order(self, job: Job) -> None:
        await self._wait(job, await self._orders.expire(job.subject_id))

    async def _wait(self, job: Job, seconds: float | None) -> None:
        """Scheduled anew, and not as a further try: waiting is no failure, however often it happens."""
        if seconds is not None:
            async with self._store.transaction() as tx:
                await tx.jobs.schedule(job.kind, job.subject_id, after_seconds=seconds)

    async def _apply_webhook(self, job: Job) -> Again | None:
        return await self._webhooks.apply(job.subject_id, tries=job.tries)
