"""`PaymentProvider` on Braintree."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from adapters.braintree import webhooks
from adapters.braintree.amounts import least_amount
from adapters.braintree.capabilities import CAPABILITIES, LOOK_UP_LAG_SECONDS
from adapters.braintree.changes import Changes
from adapters.braintree.charges import Charges
from adapters.braintree.checking import Checking
from adapters.braintree.customers import Customers
from adapters.braintree.disputes import Disputes
from adapters.braintree.errands import Errand, Line
from adapters.braintree.methods import Methods
from adapters.braintree.nonces import client_token
from adapters.braintree.refunds import Refunds
from adapters.braintree.request_keys import RequestKeys
from adapters.braintree.verdicts import UNREADABLE, Verdict
from adapters.braintree.wire import Merchant, gateway_of
from adapters.braintree.workers import THREADS, Workers
from adapters.braintree_keys import is_production
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
_CLIENT_TOKEN_LASTS = timedelta(hours=24)
"""https://developer.paypal.com/braintree/docs/guides/authorization/client-token."""


class BraintreeProvider:
    """One account at Braintree, with one gateway of the SDK for all its requests."""

    name = "braintree"
    capabilities = CAPABILITIES

    def __init__(
        self,
        *,
        merchant_id: str,
        public_key: str,
        private_key: str,
        api_base: str,
        livemode: bool,
        merchant_accounts: Mapping[str, str],
        clock: Clock,
        request_keys: bool = True,
        always_authenticates: bool = False,
        look_up_lag_seconds: float = LOOK_UP_LAG_SECONDS,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        threads: int = THREADS,
    ) -> None:
        """`merchant_accounts`: by currency. `livemode` has to be said, and to fit the host of `api_base`."""
        if is_production(api_base) is not livemode:
            raise ValueError("Real money is moved at Braintree's production host, and nowhere else.")
        merchant = Merchant(
            api_base=api_base,
            merchant_id=merchant_id,
            public_key=public_key,
            private_key=private_key,
            timeout_seconds=timeout_seconds,
        )
        self.livemode = livemode
        self.currencies: frozenset[str] | None = frozenset(merchant_accounts)
        self.look_up_lag_seconds: float | None = look_up_lag_seconds
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._wire = merchant.wire
        self._workers = Workers(threads)
        self._line = Line(gateway_of(merchant), self._wire, self._workers, clock=clock)
        self._keys = RequestKeys(are_taken=request_keys)
        self._customers = Customers()
        self._methods = Methods()
        self._charges = Charges(
            merchant_accounts,
            self._keys,
            always_authenticates=always_authenticates,
            look_up_lag=timedelta(seconds=look_up_lag_seconds),
        )
        self._refunds = Refunds(self._keys)
        self._disputes = Disputes(livemode=livemode)
        self._changes = Changes(livemode=livemode)
        self._webhook_keys = {"public_key": public_key, "private_key": private_key}
        self._checking = Checking(merchant_accounts, self._keys)

    def least_amount(self, currency: str) -> Money:
        return least_amount(currency)

    @property
    def key_lifetime(self) -> timedelta | None:
        return self._keys.lifetime

    async def check(self) -> str | None:
        return await self._checking.problem(self._errand())

    # --- customers and cards ----------------------------------------------------------------------------------------

    async def client_session(self, *, customer_ref: str) -> ClientSession | Refusal:
        told = await client_token(self._errand())
        if isinstance(told, Verdict):
            return told.refusal
        expires_at = self._now + _CLIENT_TOKEN_LASTS
        return ClientSession(secret=told, publishable_key=None, tokenizer_url=None, expires_at=expires_at)

    async def ensure_customer(self, request: CustomerRequest) -> CustomerResult:
        return as_customer(await self._customers.ensure(self._errand(), request))

    async def forget_customer(self, *, customer_ref: str) -> CustomerResult:
        return as_customer(await self._customers.forget(self._errand(), customer_ref))

    async def attach_payment_method(self, request: AttachRequest) -> PaymentMethodResult:
        return as_method(await self._methods.attach(self._errand(), request))

    async def detach_payment_method(self, *, payment_method_ref: str) -> PaymentMethodResult:
        return as_method(await self._methods.detach(self._errand(), payment_method_ref))

    async def fetch_payment_method(self, *, payment_method_ref: str) -> PaymentMethodResult:
        return as_method(as_of_one(await self._methods.fetch(self._errand(), payment_method_ref), UNREADABLE))

    # --- money ------------------------------------------------------------------------------------------------------

    async def charge(self, request: ChargeRequest) -> ChargeResult:
        return as_charge(await self._charges.charge(self._errand(), request, now=self._now))

    async def continue_charge(self, request: ContinueRequest) -> ChargeResult:
        return as_charge(await self._charges.proceed(self._errand(), request, now=self._now))

    async def capture(self, request: CaptureRequest) -> ChargeResult:
        return as_charge(await self._charges.capture(self._errand(), request))

    async def void(self, request: VoidRequest) -> ChargeResult:
        return as_charge(await self._charges.void(self._errand(), request))

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
        return as_charge(as_of_one(await self._charges.fetch(self._errand(), charge_ref), UNREADABLE))

    async def fetch_refund(self, *, refund_ref: str) -> RefundResult:
        return as_refund(as_of_one(await self._refunds.fetch(self._errand(), refund_ref), UNREADABLE))

    async def find_charge(self, look_up: LookUp) -> ChargeResult | None:
        found = await self._charges.find(self._errand(), look_up, now=self._now)
        return None if found is None else as_charge(as_of_one(found, UNREADABLE))

    async def find_refund(self, look_up: LookUp) -> RefundResult | None:
        found = await self._refunds.find(self._errand(), look_up)
        return None if found is None else as_refund(as_of_one(found, UNREADABLE))

    async def changes(self, *, since: datetime | None, cursor: str | None) -> ChangesPage:
        told = await self._changes.since(self._errand(), since, cursor, now=self._now)
        if isinstance(told, Verdict):
            return ChangesPage(outcome=Outcome.UNKNOWN, refusal=told.refusal)
        return told

    # --- webhooks and the end ---------------------------------------------------------------------------------------

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        return webhooks.verify(body, **self._webhook_keys, livemode=self.livemode)

    def webhook_challenge(self, query: Mapping[str, str]) -> str | None:
        return webhooks.challenge(query, **self._webhook_keys)

    async def close(self) -> None:
        self._workers.close()
        self._wire.close()

    # --- helpers ----------------------------------------------------------------------------------------------------

    @property
    def _now(self) -> datetime:
        return self._clock.now()

    def _errand(self) -> Errand:
        return Errand(self._line, timeout_seconds=self._timeout_seconds)
