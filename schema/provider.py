"""The deployment's payment provider, as far as clients have to know it."""

from typing import cast

import strawberry

from domain import provider as domain
from domain.principals import Permission
from domain.provider import ProviderAction, Support
from schema.context import Info
from schema.described import described_enum

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
        ProviderAction.WEBHOOKS: "Tells by itself when something changes.",
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


@strawberry.type
class ProviderQuery:
    @strawberry.field(description="Who moves the money of new payments.")
    def payment_provider(self, info: Info) -> PaymentProvider | None:
        info.context.require(Permission.CATALOGUE_READ)
        provider: domain.PaymentProvider = info.context.services.providers.default
        return cast("PaymentProvider", provider)
