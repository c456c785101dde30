"""The story of a record: what happened, when, and who or what did it."""

import json
from datetime import datetime
from typing import Annotated, Protocol

import strawberry

from domain.declines import DeclineCode, told_to_customer
from domain.events import Event as DomainEvent
from domain.events import EventKind
from domain.money import Money
from domain.queries import EventFilter, Sort
from schema.context import Info
from schema.described import described_enum
from schema.listing import BY_ID, SortArgument, listed, paged, words
from schema.money import format_money
from schema.node import Node
from schema.pagination import Connection
from schema.scalars import Metadata

_SENTENCES: dict[EventKind, str] = {
    EventKind.CUSTOMER_CREATED: "The customer was created.",
    EventKind.CUSTOMER_UPDATED: "The customer was changed.",
    EventKind.CUSTOMER_REDACTED: "The customer's personal data was erased.",
    EventKind.PRODUCT_CREATED: "The product was created.",
    EventKind.PRODUCT_UPDATED: "The product was changed.",
    EventKind.PRODUCT_ARCHIVED: "The product was archived.",
    EventKind.PRICE_CREATED: "The price was created.",
    EventKind.PRICE_ARCHIVED: "The price was archived.",
    EventKind.PAYMENT_METHOD_REQUESTED: "A payment method was handed to the provider.",
    EventKind.PAYMENT_METHOD_ATTACHED: "The payment method was attached.",
    EventKind.PAYMENT_METHOD_REQUIRES_ACTION: "The payment method waits for its owner's confirmation.",
    EventKind.PAYMENT_METHOD_FAILED: "The payment method was refused.",
    EventKind.PAYMENT_METHOD_DETACHED: "The payment method was detached.",
    EventKind.ORDER_CREATED: "The order was created.",
    EventKind.ORDER_LINE_ADDED: "A line was added.",
    EventKind.ORDER_LINE_UPDATED: "The quantity of a line was changed.",
    EventKind.ORDER_LINE_REMOVED: "A line was removed.",
    EventKind.ORDER_PLACED: "The order was placed.",
    EventKind.ORDER_COMPLETED: "The order is complete.",
    EventKind.ORDER_CANCELED: "The order was cancelled.",
    EventKind.ORDER_EXPIRED: "The order expired unpaid.",
    EventKind.CHARGE_CREATED: "A charge was requested.",
    EventKind.CHARGE_REQUIRES_ACTION: "The charge waits for the customer's confirmation.",
    EventKind.CHARGE_AUTHORIZED: "The amount is held on the card.",
    EventKind.CHARGE_CAPTURE_REQUESTED: "A capture of the held amount, or a part of it, was requested.",
    EventKind.CHARGE_CAPTURE_FAILED: "The capture came to nothing; the amount is still held.",
    EventKind.CHARGE_VOID_REQUESTED: "The charge is being called off.",
    EventKind.CHARGE_SUCCEEDED: "The charge succeeded.",
    EventKind.CHARGE_DECLINED: "The charge was declined.",
    EventKind.CHARGE_FAILED: "The charge failed.",
    EventKind.CHARGE_VOIDED: "The charge was voided.",
    EventKind.CHARGE_EXPIRED: "The charge expired: the customer did not confirm it in time.",
    EventKind.CHARGE_UNKNOWN: "The provider's answer was lost; the gateway is finding out what happened.",
    EventKind.CHARGE_REVIEW_OPENED: "The charge needs a person's attention.",
    EventKind.CHARGE_REVIEW_CLOSED: "The charge needs nobody any more: a person has looked, or it became known.",
    EventKind.REFUND_REQUESTED: "A refund was requested.",
    EventKind.REFUND_SUCCEEDED: "The refund succeeded.",
    EventKind.REFUND_FAILED: "The refund failed.",
    EventKind.REFUND_UNKNOWN: "The provider's answer to the refund was lost; the gateway is finding out.",
    EventKind.DISPUTE_OPENED: "The charge is disputed: the cardholder's bank asks for its money, or asks about it.",
    EventKind.DISPUTE_ESCALATED: "The inquiry is a dispute now; the bank has taken the money.",
    EventKind.DISPUTE_AMOUNT_CHANGED: "The amount of the dispute was changed by the bank.",
    EventKind.DISPUTE_REOPENED: "The dispute waits for a response again.",
    EventKind.DISPUTE_EVIDENCE_REQUESTED: "Evidence is being sent to the bank.",
    EventKind.DISPUTE_EVIDENCE_SENT: "The evidence was taken by the provider.",
    EventKind.DISPUTE_ACCEPTANCE_REQUESTED: "The dispute is being accepted.",
    EventKind.DISPUTE_RESPONSE_FAILED: "The response to the dispute was not taken.",
    EventKind.DISPUTE_UNDER_REVIEW: "The dispute is under review: the bank weighs what was said.",
    EventKind.DISPUTE_WON: "The dispute was won, or the inquiry closed.",
    EventKind.DISPUTE_LOST: "The dispute was lost.",
    EventKind.DISPUTE_ACCEPTED: "The dispute was accepted.",
    EventKind.SUBSCRIPTION_CREATED: "The subscription was created.",
    EventKind.SUBSCRIPTION_TRIAL_STARTED: "The subscription is on trial.",
    EventKind.SUBSCRIPTION_ACTIVATED: "Nothing of the subscription is owed, and it goes on.",
    EventKind.SUBSCRIPTION_RENEWED: "The subscription was renewed for its next period.",
    EventKind.SUBSCRIPTION_CHANGED: "What the subscription is for was changed.",
    EventKind.SUBSCRIPTION_CHANGE_SCHEDULED: "What the subscription is for will change when its period is over.",
    EventKind.SUBSCRIPTION_CANCELLATION_SCHEDULED: "The subscription is to end at a time to come.",
    EventKind.SUBSCRIPTION_PAUSE_SCHEDULED: "The subscription is to be paused when its period is over.",
    EventKind.SUBSCRIPTION_UNDONE: "What was to happen to the subscription was called off.",
    EventKind.SUBSCRIPTION_PAUSED: "The subscription was paused.",
    EventKind.SUBSCRIPTION_RESUMED: "The subscription was resumed.",
    EventKind.SUBSCRIPTION_PAST_DUE: "An invoice of the subscription was not paid.",
    EventKind.SUBSCRIPTION_UNPAID: "An invoice of the subscription was not paid in the end, so there is no access.",
    EventKind.SUBSCRIPTION_CANCELED: "The subscription was ended.",
    EventKind.SUBSCRIPTION_EXPIRED: "The subscription's first invoice was not paid in time.",
    EventKind.INVOICE_CREATED: "The invoice was drafted.",
    EventKind.INVOICE_CHANGED: "The draft of the invoice was changed.",
    EventKind.INVOICE_DISCARDED: "The draft of the invoice was discarded.",
    EventKind.INVOICE_ITEM_CREATED: "A line was made that waits for the next invoice.",
    EventKind.INVOICE_ITEM_REMOVED: "A line that waited for an invoice was removed.",
    EventKind.INVOICE_OPENED: "The invoice was issued.",
    EventKind.INVOICE_PAID: "The invoice was paid.",
    EventKind.INVOICE_VOIDED: "The invoice was called off.",
    EventKind.INVOICE_UNCOLLECTIBLE: "The invoice is not expected to be paid any more.",
    EventKind.INVOICE_CREDITED: "A part of the invoice was credited.",
    EventKind.BALANCE_GRANTED: "The balance was changed by hand.",
    EventKind.ISSUER_UPDATED: "What is printed of the issuer, or its policies, was changed.",
    EventKind.DISCREPANCY_OPENED: "A difference to the provider's books was found.",
    EventKind.DISCREPANCY_CLOSED: "The difference from the provider's books is gone, or a person has seen to it.",
    EventKind.DEFAULT_ACCOUNT_CHANGED: "New payments go through another provider account.",
    EventKind.OTHER: "This is something that only a newer version of the gateway can name.",
}

described_enum(
    EventKind,
    description="What happened. The list grows; show the `summary` of one that you do not know.",
    values=_SENTENCES,
)


@strawberry.type(description="Something that happened to a record. Never changed, never removed.")
class Event(Node):
    id: strawberry.ID = strawberry.field(description="Global id, `evt_…`; sorts by time.")
    kind: EventKind = strawberry.field(description="What happened, for programs.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, DomainEvent)

    @strawberry.field(description="When it happened.")
    def at(root: strawberry.Parent[DomainEvent]) -> datetime:
        return root.created_at

    @strawberry.field(description="What happened, in a sentence for people, in English.")
    def summary(root: strawberry.Parent[DomainEvent]) -> str:
        return summary_of(root)

    @strawberry.field(
        description="Who or what: `key:…` a server, `staff:…`, `customer:…`, `provider:…`, `webhook:…`, or `system:…`. "
        "A customer reads the kind alone, such as `staff`."
    )
    def actor(root: strawberry.Parent[DomainEvent], info: Info) -> str:
        return root.actor if info.context.viewer.sees_all else root.actor.partition(":")[0]

    @strawberry.field(description="Details of the change, as text: amounts in minor units, codes, counts.")
    def data(root: strawberry.Parent[DomainEvent], info: Info) -> Metadata:
        told = {name: _text(value) for name, value in root.data.items()}
        if not info.context.viewer.sees_all and "declineCode" in told:
            told["declineCode"] = told_to_customer(DeclineCode(told["declineCode"])) or ""
        if not info.context.viewer.sees_all:
            told.pop("providerCode", None)
        return Metadata(told)

    @strawberry.field(description="The records concerned, the one that changed first; those that you may see.")
    def subject_ids(root: strawberry.Parent[DomainEvent]) -> list[strawberry.ID]:
        return [strawberry.ID(subject_id) for subject_id in root.subject_ids]


@strawberry.input(description="Which events to list; what is left out does not narrow.")
class EventFilterInput:
    kinds: list[EventKind] | None = strawberry.field(default=strawberry.UNSET, description="Only of these kinds.")


TimelineFilter = Annotated[EventFilterInput | None, strawberry.argument(description="Which events; all by default.")]


class HasId(Protocol):
    @property
    def id(self) -> str: ...


@strawberry.interface(description="A record that tells its own story.")
class HasTimeline(Node):
    id: strawberry.ID = strawberry.field(description="Global id of the record.")

    @listed(BY_ID, description="What happened to this record and to what hangs from it, the latest first.")
    def timeline(
        root: strawberry.Parent[HasId],
        info: Info,
        filter: TimelineFilter = strawberry.UNSET,
        sort: SortArgument = Sort.NEWEST,
    ) -> Connection[Event]:
        where = EventFilter(kinds=words(filter.kinds if filter else None))
        return paged(lambda request: info.context.loaders.events_of.load(root.id, request, where))


def summary_of(event: DomainEvent) -> str:
    amount, currency = event.data.get("amount"), event.data.get("currency")
    sentence = _SENTENCES[event.kind]
    if not isinstance(amount, int) or not isinstance(currency, str):
        return sentence
    return f"{sentence.rstrip('.')} ({format_money(Money(amount, currency), 'en')})."


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
