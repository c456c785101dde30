"""`PaymentProvider` on Stripe."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from adapters.stripe import webhooks
from adapters.stripe.amounts import least_amount
from adapters.stripe.capabilities import CAPABILITIES, KEY_LIFETIME, LOOK_UP_LAG_SECONDS
from adapters.stripe.changes import Changes
from adapters.stripe.charges import Charges
from adapters.stripe.checking import Checking
from adapters.stripe.customers import Customers
from adapters.stripe.disputes import Disputes
from adapters.stripe.errands import Errand
from adapters.stripe.methods import Methods
from adapters.stripe.refunds import Refunds
from adapters.stripe.verdicts import UNREADABLE, Verdict
from adapters.stripe.wire import stripe_client
from adapters.stripe_keys import API_BASE, LIVE_KEYS
from adapters.verdicts import as_charge, as_customer, as_dispute, as_method, as_of_one, as_refund
from domain.clock import Clock
from domain.money import Money
from domain.provider import (
    AcceptRequest,
    AttachRequest,
    CaptureRequest,
    ChangesPage,
    ChargeRequest,
    ChargeResult,
    ClientSession,
    ContinueRequest,
    CustomerRequest,
    CustomerResult,
    DisputeResult,
    EvidenceRequest,
    LookUp,
    Outcome,
    PaymentMethodResult,
    RefundRequest,
    RefundResult,
    Refusal,
    VoidRequest,
    WebhookEvent,
)

DEFAULT_TIMEOUT_SECONDS = 25.0


class StripeProvider:
    """One account at Stripe, in the mode of its key. It belongs to the event loop that it is first used in."""

    name = "stripe"
    capabilities = CAPABILITIES
    currencies: frozenset[str] | None = None
    """Stripe converts what the account does not settle in (docs.stripe.com/currencies)."""
    key_lifetime: timedelta | None = KEY_LIFETIME
    look_up_lag_seconds: float | None = LOOK_UP_LAG_SECONDS

    def __init__(
        self,
        secret_key: str,
        *,
        clock: Clock,
        webhook_secrets: Sequence[str],
        publishable_key: str | None,
        least_amounts: Mapping[str, int] | None = None,
        api_base: str = API_BASE,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> None:
        if not all(secret.strip() for secret in webhook_secrets):
            raise ValueError("An empty webhook secret would let everybody in.")
        self._client, self._wire = stripe_client(secret_key, api_base=api_base, timeout_seconds=timeout_seconds)
        self._clock = clock
        self._webhook_secrets = tuple(webhook_secrets)
        self._publishable_key = publishable_key
        self._least_amounts = dict(least_amounts or {})
        self._timeout_seconds = timeout_seconds
        self.livemode = secret_key.startswith(LIVE_KEYS)
        self._customers = Customers(self._client)
        self._methods = Methods(self._client)
        self._charges = Charges(self._client)
        self._refunds = Refunds(self._client)
        self._disputes = Disputes(self._client)
        self._changes = Changes(self._client, livemode=self.livemode)
        self._checking = Checking(self._client)

    def least_amount(self, currency: str) -> Money:
        own = self._least_amounts.get(currency)
        return least_amount(currency) if own is None else Money(own, currency)

    async def check(self) -> str | None:
        return await self._checking.problem(self._errand())

    # --- customers and cards ----------------------------------------------------------------------------------------

    async def client_session(self, *, customer_ref: str) -> ClientSession | Refusal:
        told = await self._methods.session(self._errand(), customer_ref)
        if isinstance(told, Verdict):
            return told.refusal
        return ClientSession(secret=told, publishable_key=self._publishable_key, tokenizer_url=None, expires_at=None)

    async def ensure_customer(self, request: CustomerRequest) -> CustomerResult:
        return as_customer(await self._customers.ensure(self._errand(), request))

    async def forget_customer(self, *, customer_ref: str) -> CustomerResult:
        return as_customer(await self._customers.forget(self._errand(), customer_ref))

    async def attach_payment_method(self, request: AttachRequest) -> PaymentMethodResult:
        return as_method(await self._methods.attach(self._errand(), request, now=self._now))

    async def detach_payment_method(self, *, payment_method_ref: str) -> PaymentMethodResult:
        return as_method(await self._methods.detach(self._errand(), payment_method_ref))

    async def fetch_payment_method(self, *, payment_method_ref: str) -> PaymentMethodResult:
        return as_method(
            as_of_one(await self._methods.fetch(self._errand(), payment_method_ref, now=self._now), UNREADABLE)
        )

    # --- money ------------------------------------------------------------------------------------------------------

    async def charge(self, request: ChargeRequest) -> ChargeResult:
        return as_charge(await self._charges.charge(self._errand(), request, now=self._now))

    async def continue_charge(self, request: ContinueRequest) -> ChargeResult:
        return as_charge(await self._charges.proceed(self._errand(), request, now=self._now))

    async def capture(self, request: CaptureRequest) -> ChargeResult:
        return as_charge(await self._charges.capture(self._errand(), request, now=self._now))

    async def void(self, request: VoidRequest) -> ChargeResult:
        return as_charge(await self._charges.void(self._errand(), request, now=self._now))

    async def refund(self, request: RefundRequest) -> RefundResult:
        return as_refund(await self._refunds.refund(self._errand(), request))

    # --- disputes ---------------------------------------------------------------------------------------------------

    async def fetch_dispute(self, *, dispute_ref: str) -> DisputeResult:
        return as_dispute(as_of_one(await self._disputes.fetch(self._errand(), dispute_ref), UNREADABLE))

    async def submit_evidence(self, request: EvidenceRequest) -> DisputeResult:
        return as_dispute(await self._disputes.submit(self._errand(), request))

    async def accept_dispute(self, request: AcceptRequest) -> DisputeResult:
        return as_dispute(await self._disputes.accept(self._errand(), request))

    # --- looking ----------------------------------------------------------------------------------------------------

    async def fetch_charge(self, *, charge_ref: str) -> ChargeResult:
        return as_charge(as_of_one(await self._charges.fetch(self._errand(), charge_ref, now=self._now), UNREADABLE))

    async def fetch_refund(self, *, refund_ref: str) -> RefundResult:
        return as_refund(as_of_one(await self._refunds.fetch(self._errand(), refund_ref), UNREADABLE))

    async def find_charge(self, look_up: LookUp) -> ChargeResult | None:
        found = await self._charges.find(self._errand(), look_up, now=self._now)
        return None if found is None else as_charge(found)

    async def find_refund(self, look_up: LookUp) -> RefundResult | None:
        found = await self._refunds.find(self._errand(), look_up)
        return None if found is None else as_refund(found)

    async def changes(self, *, since: datetime | None, cursor: str | None) -> ChangesPage:
        told = await self._changes.since(self._errand(), since, cursor, now=self._now)
        if isinstance(told, Verdict):
            return ChangesPage(outcome=Outcome.UNKNOWN, refusal=told.refusal)
        return told

    # --- webhooks and the end ---------------------------------------------------------------------------------------

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        return webhooks.verify(headers, body, secrets=self._webhook_secrets, now=self._now)

    def webhook_challenge(self, query: Mapping[str, str]) -> str | None:
        return None  # an end point is taken on trust (docs.stripe.com/webhooks)

    async def close(self) -> None:
        await self._wire.close_async()

    # --- helpers ----------------------------------------------------------------------------------------------------

    @property
    def _now(self) -> datetime:
        return self._clock.now()

    def _errand(self) -> Errand:
        return Errand(timeout_seconds=self._timeout_seconds, clock=self._clock)
