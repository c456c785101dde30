"""Rows and the entities that they stand for: what clients see, from the customer to the event.

`x_from_row` takes a row as either driver gives it (see `sql`), with JSON columns as text or already read, and ignores
columns that it does not know. `x_to_row` gives the columns that Tortoise's models take. The rows that only the gateway
itself reads are in `records`.
"""

from collections.abc import Iterable
from dataclasses import asdict

from domain.charges import Charge, ChargeState, FailureCode, Review, ReviewReason
from domain.customers import Customer, ProviderAccount
from domain.decisions import Decision, DecisionKind, MoneyFound
from domain.declines import DeclineCode
from domain.disputes import Dispute
from domain.events import Event, EventKind
from domain.money import Money
from domain.orders import Order, OrderLine, OrderState
from domain.payment_methods import PaymentMethod, PaymentMethodState, Storing
from domain.pricing import PricingModel, Tier
from domain.products import Interval, IntervalUnit, Price, Product, ProductImage
from domain.provider import (
    CaptureMode,
    Card,
    CardBrand,
    DisputeReason,
    DisputeState,
    EvidenceKind,
    ExecutedAs,
    Initiator,
)
from domain.refunds import Refund, RefundReason, RefundState
from persistence.columns import (
    Columns,
    Row,
    address_from,
    document,
    money,
    next_action_document,
    next_action_from,
    optional,
    optional_money,
    same_currency,
    storable,
)
from persistence.sql import boolean, format_instant, instant, optional_instant

# --- customers --------------------------------------------------------------------------------------------------------


def customer_from_row(row: Row) -> Customer:
    return Customer(
        id=row["id"],
        external_id=row["external_id"],
        email=row["email"],
        name=row["name"],
        billing_address=optional(address_from, row["billing_address"]),
        shipping_address=optional(address_from, row["shipping_address"]),
        metadata=document(row["metadata"]),
        default_payment_method_id=row["default_payment_method_id"],
        test_clock_id=row["test_clock_id"],
        redacted_at=optional_instant(row["redacted_at"]),
        livemode=boolean(row["livemode"]),
        created_at=instant(row["created_at"]),
        updated_at=instant(row["updated_at"]),
    )


def customer_to_row(customer: Customer) -> Columns:
    return {
        "id": customer.id,
        "external_id": customer.external_id,
        "email": customer.email,
        "name": customer.name,
        "billing_address": optional(asdict, customer.billing_address),
        "shipping_address": optional(asdict, customer.shipping_address),
        "metadata": dict(customer.metadata),
        "default_payment_method_id": customer.default_payment_method_id,
        "test_clock_id": customer.test_clock_id,
        "redacted_at": customer.redacted_at,
        "livemode": customer.livemode,
        "created_at": customer.created_at,
        "updated_at": customer.updated_at,
    }


def provider_account_from_row(row: Row) -> ProviderAccount:
    return ProviderAccount(
        customer_id=row["customer_id"],
        account=row["account"],
        customer_ref=row["customer_ref"],
        created_at=instant(row["created_at"]),
    )


def provider_account_to_row(account: ProviderAccount) -> Columns:
    return {
        "customer_id": account.customer_id,
        "account": account.account,
        "customer_ref": account.customer_ref,
        "created_at": account.created_at,
    }


# --- products and prices ----------------------------------------------------------------------------------------------


def product_from_row(row: Row) -> Product:
    return Product(
        id=row["id"],
        name=row["name"],
        description=row["description"],
        images=tuple(ProductImage(**image) for image in document(row["images"])),
        metadata=document(row["metadata"]),
        archived_at=optional_instant(row["archived_at"]),
        created_at=instant(row["created_at"]),
        updated_at=instant(row["updated_at"]),
    )


def product_to_row(product: Product) -> Columns:
    return {
        "id": product.id,
        "name": product.name,
        "description": product.description,
        "images": [asdict(image) for image in product.images],
        "metadata": dict(product.metadata),
        "archived_at": product.archived_at,
        "created_at": product.created_at,
        "updated_at": product.updated_at,
    }


def price_from_row(row: Row) -> Price:
    return Price(
        id=row["id"],
        product_id=row["product_id"],
        nickname=row["nickname"],
        unit_amount=money(row, "unit_amount"),
        interval=Interval(IntervalUnit(row["interval_unit"]), row["interval_count"]) if row["interval_unit"] else None,
        pricing_model=PricingModel(row["pricing_model"]),
        tiers=_tiers_from(row),
        trial_days=row["trial_days"],
        archived_at=optional_instant(row["archived_at"]),
        created_at=instant(row["created_at"]),
    )


def price_to_row(price: Price) -> Columns:
    return {
        "id": price.id,
        "product_id": price.product_id,
        "nickname": price.nickname,
        "unit_amount": price.unit_amount.minor_units,
        "currency": price.unit_amount.currency,
        "interval_unit": price.interval and price.interval.unit,
        "interval_count": price.interval and price.interval.count,
        "pricing_model": price.pricing_model,
        "tiers": [_tier_document(tier, price.unit_amount.currency) for tier in price.tiers] or None,
        "trial_days": price.trial_days,
        "archived_at": price.archived_at,
        "created_at": price.created_at,
    }


def _tiers_from(row: Row) -> tuple[Tier, ...]:
    currency = row["currency"]
    return tuple(
        Tier(
            up_to=tier["up_to"],
            unit_amount=Money(tier["unit_amount"], currency),
            flat_amount=Money(tier["flat_amount"], currency),
        )
        for tier in document(row["tiers"]) or ()
    )


def _tier_document(tier: Tier, currency: str) -> Columns:
    return {
        "up_to": tier.up_to,
        "unit_amount": same_currency(tier.unit_amount, currency),
        "flat_amount": same_currency(tier.flat_amount, currency),
    }


# --- payment methods --------------------------------------------------------------------------------------------------


def payment_method_from_row(row: Row) -> PaymentMethod:
    return PaymentMethod(
        id=row["id"],
        customer_id=row["customer_id"],
        account=row["account"],
        state=PaymentMethodState(row["state"]),
        token=row["token"],
        payment_method_ref=row["payment_method_ref"],
        card=_card(row),
        card_fingerprint=row["card_fingerprint"],
        next_action=optional(next_action_from, row["next_action"]),
        decline_code=optional(DeclineCode, row["decline_code"]),
        failure_message=row["failure_message"],
        return_url=row["return_url"],
        make_default=boolean(row["make_default"]),
        storing=Storing(row["storing"]),
        livemode=boolean(row["livemode"]),
        created_at=instant(row["created_at"]),
        updated_at=instant(row["updated_at"]),
    )


def payment_method_to_row(method: PaymentMethod) -> Columns:
    return {
        "id": method.id,
        "customer_id": method.customer_id,
        "account": method.account,
        "state": method.state,
        "token": method.token,
        "payment_method_ref": method.payment_method_ref,
        "card_brand": method.card and method.card.brand,
        "card_last4": method.card and method.card.last4,
        "card_expiry_month": method.card and method.card.expiry_month,
        "card_expiry_year": method.card and method.card.expiry_year,
        "card_fingerprint": method.card_fingerprint,
        "next_action": optional(next_action_document, method.next_action),
        "decline_code": method.decline_code,
        "failure_message": storable(method.failure_message),
        "return_url": method.return_url,
        "make_default": method.make_default,
        "storing": method.storing,
        "livemode": method.livemode,
        "created_at": method.created_at,
        "updated_at": method.updated_at,
    }


def _card(row: Row) -> Card | None:
    if row["card_brand"] is None:
        return None
    return Card(
        brand=CardBrand(row["card_brand"]),
        last4=row["card_last4"],
        expiry_month=row["card_expiry_month"],
        expiry_year=row["card_expiry_year"],
    )


# --- orders -----------------------------------------------------------------------------------------------------------


def order_from_row(row: Row, line_rows: Iterable[Row]) -> Order:
    """`line_rows` in the order of their `position`."""
    return Order(
        id=row["id"],
        customer_id=row["customer_id"],
        state=OrderState(row["state"]),
        currency=row["currency"],
        lines=tuple(order_line_from_row(line) for line in line_rows),
        version=row["version"],
        external_id=row["external_id"],
        external_version=row["external_version"],
        metadata=document(row["metadata"]),
        expires_at=optional_instant(row["expires_at"]),
        placed_at=optional_instant(row["placed_at"]),
        completed_at=optional_instant(row["completed_at"]),
        canceled_at=optional_instant(row["canceled_at"]),
        livemode=boolean(row["livemode"]),
        created_at=instant(row["created_at"]),
        updated_at=instant(row["updated_at"]),
    )


def order_to_row(order: Order) -> Columns:
    return {
        "id": order.id,
        "customer_id": order.customer_id,
        "state": order.state,
        "currency": order.currency,
        "total": order.total.minor_units,
        "version": order.version,
        "external_id": order.external_id,
        "external_version": order.external_version,
        "metadata": dict(order.metadata),
        "expires_at": order.expires_at,
        "placed_at": order.placed_at,
        "completed_at": order.completed_at,
        "canceled_at": order.canceled_at,
        "livemode": order.livemode,
        "created_at": order.created_at,
        "updated_at": order.updated_at,
    }


def order_line_from_row(row: Row) -> OrderLine:
    return OrderLine(
        id=row["id"],
        product_id=row["product_id"],
        price_id=row["price_id"],
        name=row["name"],
        unit_amount=money(row, "unit_amount"),
        quantity=row["quantity"],
    )


def order_line_to_row(line: OrderLine, *, order_id: str, position: int) -> Columns:
    return {
        "id": line.id,
        "order_id": order_id,
        "position": position,
        "product_id": line.product_id,
        "price_id": line.price_id,
        "name": line.name,
        "unit_amount": line.unit_amount.minor_units,
        "currency": line.unit_amount.currency,
        "quantity": line.quantity,
    }


# --- charges and refunds ----------------------------------------------------------------------------------------------


def charge_from_row(row: Row) -> Charge:
    return Charge(
        id=row["id"],
        order_id=row["order_id"],
        invoice_id=row["invoice_id"],
        customer_id=row["customer_id"],
        payment_method_id=row["payment_method_id"],
        account=row["account"],
        charge_ref=row["charge_ref"],
        state=ChargeState(row["state"]),
        initiator=Initiator(row["initiator"]),
        capture_mode=CaptureMode(row["capture_mode"]),
        amount=money(row, "amount"),
        authorized=money(row, "authorized"),
        capture_requested=optional_money(row, "capture_requested"),
        captured=money(row, "captured"),
        refunded=money(row, "refunded"),
        refund_reserved=money(row, "refund_reserved"),
        disputed=money(row, "disputed"),
        return_url=row["return_url"],
        next_action=optional(next_action_from, row["next_action"]),
        action_expires_at=optional_instant(row["action_expires_at"]),
        void_requested_at=optional_instant(row["void_requested_at"]),
        capture_before=optional_instant(row["capture_before"]),
        decline_code=optional(DeclineCode, row["decline_code"]),
        failure_code=optional(FailureCode, row["failure_code"]),
        issuer_code=row["issuer_code"],
        provider_code=row["provider_code"],
        provider_message=row["provider_message"],
        next_check_at=optional_instant(row["next_check_at"]),
        reviews=_reviews_from(row),
        livemode=boolean(row["livemode"]),
        created_at=instant(row["created_at"]),
        updated_at=instant(row["updated_at"]),
    )


def _reviews_from(row: Row) -> tuple[Review, ...]:
    if row["reviews"] is None:
        since = optional_instant(row["review_since"])
        return (Review(since, ReviewReason(row["review_reason"])),) if since else ()
    return tuple(
        Review(instant(review["since"]), ReviewReason(review["reason"])) for review in document(row["reviews"])
    )


def charge_to_row(charge: Charge) -> Columns:
    return {
        "id": charge.id,
        "order_id": charge.order_id,
        "invoice_id": charge.invoice_id,
        "customer_id": charge.customer_id,
        "payment_method_id": charge.payment_method_id,
        "account": charge.account,
        "charge_ref": charge.charge_ref,
        "state": charge.state,
        "initiator": charge.initiator,
        "capture_mode": charge.capture_mode,
        "currency": charge.amount.currency,
        "amount": charge.amount.minor_units,
        "authorized": same_currency(charge.authorized, charge.amount.currency),
        "capture_requested": optional(
            lambda amount: same_currency(amount, charge.amount.currency), charge.capture_requested
        ),
        "captured": same_currency(charge.captured, charge.amount.currency),
        "refunded": same_currency(charge.refunded, charge.amount.currency),
        "refund_reserved": same_currency(charge.refund_reserved, charge.amount.currency),
        "disputed": same_currency(charge.disputed, charge.amount.currency),
        "return_url": charge.return_url,
        "next_action": optional(next_action_document, charge.next_action),
        "action_expires_at": charge.action_expires_at,
        "void_requested_at": charge.void_requested_at,
        "capture_before": charge.capture_before,
        "decline_code": charge.decline_code,
        "failure_code": charge.failure_code,
        "issuer_code": storable(charge.issuer_code),
        "provider_code": storable(charge.provider_code),
        "provider_message": storable(charge.provider_message),
        "next_check_at": charge.next_check_at,
        "review_since": charge.review and charge.review.since,
        "review_reason": charge.review and charge.review.reason,
        "reviews": [{"since": format_instant(review.since), "reason": review.reason} for review in charge.reviews],
        "livemode": charge.livemode,
        "created_at": charge.created_at,
        "updated_at": charge.updated_at,
    }


def refund_from_row(row: Row) -> Refund:
    return Refund(
        id=row["id"],
        charge_id=row["charge_id"],
        order_id=row["order_id"],
        invoice_id=row["invoice_id"],
        customer_id=row["customer_id"],
        account=row["account"],
        refund_ref=row["refund_ref"],
        state=RefundState(row["state"]),
        executed_as=ExecutedAs(row["executed_as"]),
        amount=money(row, "amount"),
        reason=optional(RefundReason, row["reason"]),
        note=row["note"],
        failure_code=optional(FailureCode, row["failure_code"]),
        provider_code=row["provider_code"],
        provider_message=row["provider_message"],
        next_check_at=optional_instant(row["next_check_at"]),
        livemode=boolean(row["livemode"]),
        created_at=instant(row["created_at"]),
        updated_at=instant(row["updated_at"]),
    )


def refund_to_row(refund: Refund) -> Columns:
    return {
        "id": refund.id,
        "charge_id": refund.charge_id,
        "order_id": refund.order_id,
        "invoice_id": refund.invoice_id,
        "customer_id": refund.customer_id,
        "account": refund.account,
        "refund_ref": refund.refund_ref,
        "state": refund.state,
        "executed_as": refund.executed_as,
        "amount": refund.amount.minor_units,
        "currency": refund.amount.currency,
        "reason": refund.reason,
        "note": refund.note,
        "failure_code": refund.failure_code,
        "provider_code": storable(refund.provider_code),
        "provider_message": storable(refund.provider_message),
        "next_check_at": refund.next_check_at,
        "livemode": refund.livemode,
        "created_at": refund.created_at,
        "updated_at": refund.updated_at,
    }


# --- disputes ---------------------------------------------------------------------------------------------------------


def dispute_from_row(row: Row) -> Dispute:
    return Dispute(
        id=row["id"],
        charge_id=row["charge_id"],
        order_id=row["order_id"],
        invoice_id=row["invoice_id"],
        customer_id=row["customer_id"],
        account=row["account"],
        dispute_ref=row["dispute_ref"],
        state=DisputeState(row["state"]),
        is_inquiry=boolean(row["is_inquiry"]),
        reason=DisputeReason(row["reason"]),
        scheme_code=row["scheme_code"],
        amount=money(row, "amount"),
        respond_by=optional_instant(row["respond_by"]),
        evidence={EvidenceKind(kind): text for kind, text in document(row["evidence"]).items()},
        evidence_requested_at=optional_instant(row["evidence_requested_at"]),
        evidence_sent_at=optional_instant(row["evidence_sent_at"]),
        acceptance_requested_at=optional_instant(row["acceptance_requested_at"]),
        accepted_at=optional_instant(row["accepted_at"]),
        movements=row["movements"],
        next_check_at=optional_instant(row["next_check_at"]),
        opened_at=instant(row["opened_at"]),
        seen_at=instant(row["seen_at"]),
        livemode=boolean(row["livemode"]),
        created_at=instant(row["created_at"]),
        updated_at=instant(row["updated_at"]),
    )


def dispute_to_row(dispute: Dispute) -> Columns:
    return {
        "id": dispute.id,
        "charge_id": dispute.charge_id,
        "order_id": dispute.order_id,
        "invoice_id": dispute.invoice_id,
        "customer_id": dispute.customer_id,
        "account": dispute.account,
        "dispute_ref": dispute.dispute_ref,
        "state": dispute.state,
        "is_inquiry": dispute.is_inquiry,
        "reason": dispute.reason,
        "scheme_code": storable(dispute.scheme_code),
        "amount": dispute.amount.minor_units,
        "currency": dispute.amount.currency,
        "respond_by": dispute.respond_by,
        "evidence": {kind.value: text for kind, text in dispute.evidence.items()},
        "evidence_requested_at": dispute.evidence_requested_at,
        "evidence_sent_at": dispute.evidence_sent_at,
        "acceptance_requested_at": dispute.acceptance_requested_at,
        "accepted_at": dispute.accepted_at,
        "movements": dispute.movements,
        "next_check_at": dispute.next_check_at,
        "opened_at": dispute.opened_at,
        "seen_at": dispute.seen_at,
        "livemode": dispute.livemode,
        "created_at": dispute.created_at,
        "updated_at": dispute.updated_at,
    }


# --- events -----------------------------------------------------------------------------------------------------------


def event_from_row(row: Row) -> Event:
    return Event(
        id=row["id"],
        kind=EventKind.read(row["kind"]),
        subject_ids=tuple(document(row["subject_ids"])),
        actor=row["actor"],
        data=document(row["data"]),
        livemode=boolean(row["livemode"]),
        created_at=instant(row["created_at"]),
    )


def event_to_row(event: Event) -> Columns:
    return {
        "id": event.id,
        "kind": event.kind,
        "subject_ids": list(event.subject_ids),
        "actor": event.actor,
        "data": dict(event.data),
        "livemode": event.livemode,
        "created_at": event.created_at,
    }


# --- decisions --------------------------------------------------------------------------------------------------------


def decision_from_row(row: Row) -> Decision:
    return Decision(
        id=row["id"],
        kind=DecisionKind(row["kind"]),
        charge_id=row["charge_id"],
        refund_id=row["refund_id"],
        reason=optional(ReviewReason, row["reason"]),
        found=optional(MoneyFound, row["found"]),
        note=row["note"],
        actor=row["actor"],
        created_at=instant(row["created_at"]),
    )


def decision_to_row(decision: Decision) -> Columns:
    return {
        "id": decision.id,
        "kind": decision.kind,
        "charge_id": decision.charge_id,
        "refund_id": decision.refund_id,
        "reason": decision.reason,
        "found": decision.found,
        "note": decision.note,
        "actor": decision.actor,
        "created_at": decision.created_at,
    }
