"""The deployment's payment provider, as far as clients have to know it; and how its accounts do, for staff."""

from datetime import datetime
from typing import Annotated, cast

import strawberry

from domain import provider as domain
from domain.breaker import BreakerState
from domain.principals import Permission
from domain.provider import ProviderAction, Support
from domain.services.gates import CallKind
from schema.context import Info
from schema.described import described_enum
from schema.pagination import given
from schema.scalars import Currency

described_enum(
    ProviderAction,
    description="Something that a payment provider may be able to do. The list grows.",
    values={
        ProviderAction.CLIENT_SESSION: "Opens its own card form on web, iOS and Android.",
        ProviderAction.ATTACH_PAYMENT_METHOD: "Stores a card for later.",
        ProviderAction.DETACH_PAYMENT_METHOD: "Forgets a stored card.",
        ProviderAction.FORGET_CUSTOMER: "Erases what it keeps of a customer as a person.",
        ProviderAction.CHARGE: "Takes money from a card.",
        ProviderAction.CUSTOMER_ACTION: "Lets the customer confirm a charge (3D Secure).",
        ProviderAction.AUTHORIZE: "Holds money on the card, to be taken by a capture.",
        ProviderAction.CAPTURE: "Takes all that is held.",
        ProviderAction.PARTIAL_CAPTURE: "Takes a part of what is held and releases the rest.",
        ProviderAction.VOID: "Ends a charge that has taken no money, and releases what it holds.",
        ProviderAction.REFUND: "Gives all of a charge back.",
        ProviderAction.PARTIAL_REFUND: "Gives a part of a charge back.",
        ProviderAction.LOOK_UP: "Tells what became of a request whose answer was lost.",
        ProviderAction.LIST_CHANGES: "Lists what was made or changed since a moment, for reconciliation.",
        ProviderAction.WEBHOOKS: "Tells by itself when something changes.",
        ProviderAction.CHARGE_NEW_CARD: "Charges a card that its form has just read, and can store it.",
        ProviderAction.DISPUTES: "Tells of disputes, and shows them.",
        ProviderAction.SUBMIT_EVIDENCE: "Takes evidence against a dispute.",
        ProviderAction.ACCEPT_DISPUTE: "Lets a dispute be given up.",
    },
)
described_enum(
    Support,
    description="How well a provider supports something.",
    values={
        Support.NATIVE: "The provider does it by itself.",
        Support.EMULATED: "With the gateway's help; see the note.",
        Support.UNSUPPORTED: "It cannot be done with this provider.",
    },
)
described_enum(
    BreakerState,
    description="Whether a provider account is asked at all.",
    values={
        BreakerState.CLOSED: "It answers: requests are sent.",
        BreakerState.OPEN: "It does not answer: new payments are refused at once with PROVIDER_UNAVAILABLE.",
        BreakerState.HALF_OPEN: "It answers again: one request is let through, and decides.",
    },
)
described_enum(
    CallKind,
    description="Calls to a provider that get places of their own, so that none of them starves the others.",
    values={
        CallKind.MONEY: "Charges, captures, voids, refunds and responses to disputes.",
        CallKind.CARDS: "Customers and cards.",
        CallKind.LOOK_UPS: "Looking at what became of something.",
    },
)


@strawberry.type(description="Whether the provider can do something.")
class ProviderCapability:
    action: ProviderAction = strawberry.field(description="What it is about.")
    support: Support = strawberry.field(description="How well the provider supports it.")
    note: str = strawberry.field(description="How it is emulated, or why it is missing; else empty.")


@strawberry.type(description="Who moves the money in this deployment.")
class PaymentProvider:
    name: str = strawberry.field(description="Pick your card form by this: `fake`, `stripe`, `braintree`.")
    livemode: bool = strawberry.field(description="Whether real money moves.")
    capabilities: list[ProviderCapability] = strawberry.field(description="What it can do.")

    @strawberry.field(
        description="The currencies that new payments may be in; null where the provider takes what it can by itself."
    )
    def currencies(root: strawberry.Parent[domain.PaymentProvider]) -> list[Currency] | None:
        return None if root.currencies is None else [cast("Currency", code) for code in sorted(root.currencies)]


@strawberry.type(description="How many calls of a kind an account is answering.")
class ProviderCalls:
    kind: CallKind = strawberry.field(description="What they are about.")
    most: int = strawberry.field(description="How many there may be at once.")
    under_way: int = strawberry.field(description="How many there are now.")
    waiting: int = strawberry.field(description="How many wait for a place; for two seconds at most.")


@strawberry.type(description="How an account at a provider does, as the process sees that answers this.")
class ProviderHealth:
    account: str = strawberry.field(description="Its name in the configuration, as in `Charge.account`.")
    state: BreakerState = strawberry.field(description="Whether it is asked at all.")
    changed_at: datetime = strawberry.field(description="Since when it is so; when the process started, at first.")
    retry_after_seconds: int | None = strawberry.field(
        description="What clients are told who are refused just now; null when nobody is."
    )
    calls: list[ProviderCalls] = strawberry.field(description="What is under way there, by kind.")


@strawberry.type
class ProviderQuery:
    @strawberry.field(
        description="Who moves the money of new payments, or of what was made with an account; null for one that the "
        "deployment does not have."
    )
    def payment_provider(
        self,
        info: Info,
        account: Annotated[
            str | None, strawberry.argument(description="As in `Charge.account`; where new payments go by default.")
        ] = strawberry.UNSET,
    ) -> PaymentProvider | None:
        info.context.require(Permission.CATALOGUE_READ)
        providers = info.context.services.providers
        named = given(account)
        provider = providers.default if named is None else providers.get(named)
        return cast("PaymentProvider | None", provider)

    @strawberry.field(
        description="How the provider accounts of the deployment do. With several processes, ask more than once: each "
        "of them learns of an outage by itself."
    )
    def provider_health(self, info: Info) -> list[ProviderHealth] | None:
        health = info.context.services.accounts.health(info.context.principal)
        return [
            ProviderHealth(
                account=account.account,
                state=account.state,
                changed_at=account.since,
                retry_after_seconds=account.retry_after_seconds,
                calls=[
                    ProviderCalls(
                        kind=places.kind, most=places.most, under_way=places.under_way, waiting=places.waiting
                    )
                    for places in account.places
                ],
            )
            for account in health
        ]
