"""Records with every field filled in, and the few that other records stand on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from domain.api_keys import ApiKey, hash_of
from domain.audit import AuditChange, AuditEntry
from domain.charges import Charge, ChargeState, FailureCode, Review, ReviewReason
from domain.customers import Address, Customer
from domain.declines import DeclineCode
from domain.disputes import Dispute
from domain.idempotency import KeyedRequest
from domain.ids import IdPrefix, new_id
from domain.ledger import LedgerAccount, LedgerEntry
from domain.money import Money
from domain.operations import Operation, OperationKind, VoidPurpose, stored
from domain.orders import Order, OrderLine, OrderState
from domain.payment_methods import PaymentMethod, PaymentMethodState
from domain.principals import Permission, PrincipalKind, StaffRole
from domain.products import Interval, IntervalUnit, Price, Product, ProductImage
from domain.provider import (
    CaptureMode,
    Card,
    CardBrand,
    ChargeRequest,
    DisputeReason,
    DisputeState,
    EvidenceKind,
    EvidenceRequest,
    ExecutedAs,
    Initiator,
    Outcome,
    RedirectAction,
    SdkAction,
    WebhookSubject,
)
from domain.refunds import Refund, RefundReason, RefundState
from domain.store import Store
from domain.webhooks import DeliveryState, WebhookDelivery

# To the microsecond, which is what both databases keep.
NOW = datetime(2026, 3, 1, 9, 30, 0, 123457, tzinfo=UTC)
LATER = NOW + timedelta(hours=1, microseconds=1)


def usd(minor_units: int) -> Money:
    return Money(minor_units, "USD")


def a_customer() -> Customer:
    return Customer(
        id=new_id(IdPrefix.CUSTOMER),
        external_id=f"auth0|{new_id(IdPrefix.CUSTOMER)}",
        email="Ada@example.org",
        name="Ada Lovelace 𝔸",
        billing_address=Address(
            line1="12 St James's Square", line2="2nd floor", city="London", postal_code="SW1Y 4JH", country="GB"
        ),
        shipping_address=Address(line1="Rua Ébano 1", city="São Paulo", region="SP", country="BR"),
        metadata={"z": "last", "a": 'quote " and \\ backslash', "ключ": "значение"},
        livemode=True,
        created_at=NOW,
        updated_at=LATER,
    )


def a_product() -> Product:
    return Product(
        id=new_id(IdPrefix.PRODUCT),
        name="Tea",
        description="Green, 100 g",
        images=(ProductImage("https://shop.example/tea.webp", "A tin"), ProductImage("https://shop.example/leaf.webp")),
        metadata={"origin": "Uji"},
        archived_at=LATER,
        created_at=NOW,
        updated_at=LATER,
    )


def a_price(product: Product) -> Price:
    return Price(
        id=new_id(IdPrefix.PRICE),
        product_id=product.id,
        nickname="quarterly",
        unit_amount=Money(2**53 - 1, "JPY"),
        interval=Interval(IntervalUnit.MONTH, 3),
        archived_at=LATER,
        created_at=NOW,
    )


def a_payment_method(customer: Customer) -> PaymentMethod:
    return PaymentMethod(
        id=new_id(IdPrefix.PAYMENT_METHOD),
        customer_id=customer.id,
        account="fake",
        state=PaymentMethodState.REQUIRES_ACTION,
        token="tok_visa",
        payment_method_ref=f"ref_{new_id(IdPrefix.PAYMENT_METHOD)}",
        card=Card(CardBrand.VISA, "4242", 12, 2031),
        card_fingerprint="f" * 255,
        next_action=SdkAction(client_secret="secret_1", expires_at=LATER),
        decline_code=DeclineCode.CARD_EXPIRED,
        failure_message="expired",
        return_url="https://shop.example/cards",
        make_default=True,
        livemode=True,
        created_at=NOW,
        updated_at=LATER,
    )


def a_line(unit_amount: int = 10_00, quantity: int = 1, *, name: str = "Tea", price: Price | None = None) -> OrderLine:
    return OrderLine(
        id=new_id(IdPrefix.ORDER_LINE),
        product_id=price.product_id if price else None,
        price_id=price.id if price else None,
        name=name,
        unit_amount=usd(unit_amount),
        quantity=quantity,
    )


def an_order(customer: Customer, *lines: OrderLine, state: OrderState = OrderState.OPEN) -> Order:
    return Order(
        id=new_id(IdPrefix.ORDER),
        customer_id=customer.id,
        state=state,
        currency="USD",
        lines=lines,
        version=1,
        external_id=f"shop-{new_id(IdPrefix.ORDER)}",
        external_version=2**40,
        metadata={"cart": "7"},
        expires_at=LATER,
        placed_at=NOW,
        completed_at=LATER,
        canceled_at=LATER,
        livemode=True,
        created_at=NOW,
        updated_at=LATER,
    )


def a_charge(order: Order, method: PaymentMethod, *, state: ChargeState = ChargeState.REQUIRES_ACTION) -> Charge:
    return Charge(
        id=new_id(IdPrefix.CHARGE),
        order_id=order.id,
        customer_id=order.customer_id,
        payment_method_id=method.id,
        account="fake",
        charge_ref=f"ch_{new_id(IdPrefix.CHARGE)}",
        state=state,
        initiator=Initiator.CUSTOMER,
        capture_mode=CaptureMode.MANUAL,
        amount=usd(20_00),
        capture_requested=usd(19_00),
        authorized=usd(21_00),
        captured=usd(19_00),
        refunded=usd(3_00),
        refund_reserved=usd(4_00),
        disputed=usd(2_00),
        return_url="https://shop.example/return?a=1",
        next_action=RedirectAction(url="https://bank.example/3ds", expires_at=LATER),
        action_expires_at=LATER,
        void_requested_at=LATER,
        capture_before=LATER,
        decline_code=DeclineCode.INSUFFICIENT_FUNDS,
        failure_code=FailureCode.NOT_APPLIED,
        issuer_code="51",
        provider_code="card_declined",
        provider_message="Your card has insufficient funds.",
        next_check_at=LATER,
        reviews=(Review(LATER, ReviewReason.AMOUNT_MISMATCH), Review(LATER, ReviewReason.LATE_MONEY)),
        livemode=True,
        created_at=NOW,
        updated_at=LATER,
    )


def a_refund(charge: Charge) -> Refund:
    return Refund(
        id=new_id(IdPrefix.REFUND),
        charge_id=charge.id,
        order_id=charge.order_id,
        customer_id=charge.customer_id,
        account="fake",
        refund_ref=f"re_{new_id(IdPrefix.REFUND)}",
        state=RefundState.UNKNOWN,
        executed_as=ExecutedAs.VOID,
        amount=usd(3_00),
        reason=RefundReason.DUPLICATE,
        note="paid twice",
        failure_code=FailureCode.PROVIDER_REFUSED,
        provider_code="refund_failed",
        provider_message="no",
        next_check_at=LATER,
        livemode=True,
        created_at=NOW,
        updated_at=LATER,
    )


def a_dispute(charge: Charge) -> Dispute:
    return Dispute(
        id=new_id(IdPrefix.DISPUTE),
        charge_id=charge.id,
        order_id=charge.order_id,
        customer_id=charge.customer_id,
        account="fake",
        dispute_ref=f"dp_{new_id(IdPrefix.DISPUTE)}",
        state=DisputeState.UNDER_REVIEW,
        is_inquiry=True,
        reason=DisputeReason.DUPLICATE,
        scheme_code="12.6.1",
        amount=usd(7_00),
        respond_by=LATER,
        evidence={EvidenceKind.OTHER: "It was “delivered”.", EvidenceKind.CUSTOMER_NAME: "Ada"},
        evidence_sent_at=NOW,
        acceptance_requested_at=LATER,
        accepted_at=LATER,
        movements=3,
        next_check_at=LATER,
        opened_at=NOW,
        seen_at=LATER,
        livemode=True,
        created_at=NOW,
        updated_at=LATER,
    )


def an_answer(dispute: Dispute) -> Operation:
    """Evidence on its way."""
    request = EvidenceRequest(
        operation_id=new_id(IdPrefix.OPERATION), dispute_ref=dispute.dispute_ref, evidence=dispute.evidence
    )
    return Operation(
        id=request.operation_id,
        kind=OperationKind.SUBMIT_EVIDENCE,
        charge_id=dispute.charge_id,
        dispute_id=dispute.id,
        account=dispute.account,
        request=stored(request),
        on_session=False,
        first_sent_at=NOW,
        created_at=NOW,
    )


def an_operation(charge: Charge, *, refund: Refund | None = None, finished_at: datetime | None = None) -> Operation:
    operation_id = new_id(IdPrefix.OPERATION)
    request = ChargeRequest(
        operation_id=operation_id,
        charge_id=charge.id,
        amount=charge.amount,
        customer_ref="cus_1",
        payment_method_ref="pm_1",
        initiator=Initiator.CUSTOMER,
        return_url=None,
        metadata={"zebra": "1", "apple": "2"},
    )
    return Operation(
        id=operation_id,
        kind=OperationKind.REFUND if refund else OperationKind.CHARGE,
        charge_id=charge.id,
        refund_id=refund.id if refund else None,
        account="fake",
        request=stored(request),
        on_session=True,
        void_purpose=VoidPurpose.EXPIRE,
        first_sent_at=NOW,
        tries=3,
        sends=2,
        empty_looks=2,
        outcome=Outcome.UNKNOWN,
        raw={"status": 502, "nested": {"list": [1, None, True, 1.5]}},
        finished_at=finished_at,
        created_at=NOW,
    )


def a_ledger_entry(charge: Charge, amount: int = 5_00, *, cause: str | None = None) -> LedgerEntry:
    return LedgerEntry(
        id=new_id(IdPrefix.LEDGER_ENTRY),
        cause=cause or f"{charge.id}/captured/{amount}",
        account=LedgerAccount.PAYMENTS,
        amount=usd(amount),
        charge_id=charge.id,
        refund_id=None,
        livemode=True,
        created_at=NOW,
    )


def a_delivery() -> WebhookDelivery:
    return WebhookDelivery(
        id=new_id(IdPrefix.WEBHOOK_DELIVERY),
        account="fake",
        event_key=f"evt_{new_id(IdPrefix.EVENT)}",
        kind="charge.succeeded",
        subject=WebhookSubject.CHARGE,
        subject_ref="ch_1",
        operation_id="op_1",
        livemode=True,
        payload={"id": "evt_1", "data": {"object": {"amount": 2000, "notes": ["ü", ""]}}},
        state=DeliveryState.PARKED,
        occurred_at=NOW,
        received_at=LATER,
        ended_at=LATER,
    )


def an_api_key() -> ApiKey:
    key_id = new_id(IdPrefix.API_KEY)
    return ApiKey(
        id=key_id,
        name="shop",
        secret_hash=hash_of(key_id),
        last4="wxyz",
        expires_at=LATER,
        previous_secret_hash=hash_of(key_id + "before"),
        previous_ends_at=LATER,
        permissions=frozenset({Permission.ORDERS_WRITE, Permission.CHARGES_WRITE}),
        last_used_at=LATER,
        revoked_at=LATER,
        created_at=NOW,
    )


def an_audit_entry(subject_id: str) -> AuditEntry:
    return AuditEntry(
        id=new_id(IdPrefix.AUDIT_ENTRY),
        actor="staff:ada",
        actor_kind=PrincipalKind.STAFF,
        role=StaffRole.ADMIN,
        action="customerUpdate",
        changes=(
            AuditChange(subject_id=subject_id, field="state", before=None, after="Grün 💶"),
            AuditChange(subject_id=subject_id, field="email", before=None, after=None, withheld=True),
        ),
        request_id="req-1",
        created_at=NOW,
    )


def a_request(key: str = "k-1", *, principal: str = "key:key_1", fingerprint: str = "f" * 64) -> KeyedRequest:
    return KeyedRequest(principal=principal, mutation="orderCharge", key=key, fingerprint=fingerprint)


async def a_stored_order(store: Store) -> tuple[Order, PaymentMethod]:
    """An open order with one line, and a card to pay it with."""
    customer = a_customer()
    order, method = an_order(customer, a_line(20_00)), a_payment_method(customer)
    async with store.transaction() as tx:
        await tx.customers.insert(customer)
        await tx.payment_methods.insert(method)
        await tx.orders.insert(order)
    return order, method


async def a_stored_charge(store: Store, *, state: ChargeState = ChargeState.SUCCEEDED) -> Charge:
    """Of 20.00, taken whole and without a refund."""
    order, method = await a_stored_order(store)
    charge = replace(
        a_charge(order, method, state=state),
        authorized=usd(20_00),
        captured=usd(20_00),
        refunded=usd(0),
        refund_reserved=usd(0),
        disputed=usd(0),
    )
    async with store.transaction() as tx:
        await tx.charges.insert(charge)
    return charge
