"""What a customer has to do so that a payment goes on, and what declines mean."""

from datetime import datetime
from typing import Annotated

import strawberry

from domain import provider
from domain.declines import DeclineAdvice, DeclineCode
from schema.described import described_enum
from schema.scalars import URL

described_enum(
    DeclineAdvice,
    description="What to do about a decline.",
    values={
        DeclineAdvice.RETRY_LATER: "The same card may work later.",
        DeclineAdvice.USE_OTHER_METHOD: "Ask for another card.",
        DeclineAdvice.AUTHENTICATE: "Try again with the customer present, who has to confirm.",
        DeclineAdvice.DO_NOT_RETRY: "Do not try this card again.",
    },
)
described_enum(
    DeclineCode,
    description="Why the bank, or the provider's risk check, said no. The same on every provider. The list grows; "
    "go by `advice` where you do not know the code.",
    values={
        DeclineCode.GENERIC_DECLINE: "No reason was given.",
        DeclineCode.INSUFFICIENT_FUNDS: "The account does not have the amount.",
        DeclineCode.CARD_EXPIRED: "The card has expired.",
        DeclineCode.INCORRECT_CVC: "The security code is wrong.",
        DeclineCode.INCORRECT_NUMBER: "The card number is wrong.",
        DeclineCode.LIMIT_EXCEEDED: "The amount, or the number of payments, is over a limit of the card.",
        DeclineCode.FRAUD_SUSPECTED: "Fraud is suspected. Do not tell the customer so.",
        DeclineCode.LOST_OR_STOLEN: "The card was reported lost or stolen. Do not tell the customer so.",
        DeclineCode.AUTHENTICATION_REQUIRED: "The bank wants the customer to confirm (3D Secure).",
        DeclineCode.AUTHENTICATION_FAILED: "The customer did not pass the confirmation.",
        DeclineCode.PROCESSING_ERROR: "The bank or network could not process it just now.",
        DeclineCode.CARD_NOT_SUPPORTED: "This kind of card cannot be used for this payment.",
        DeclineCode.CURRENCY_NOT_SUPPORTED: "The card does not support the currency.",
        DeclineCode.DO_NOT_RETRY: "The bank forbids further tries.",
    },
)


@strawberry.type(description="Send the customer's browser there; it comes back to the `returnUrl` of the request.")
class RedirectAction:
    url: URL = strawberry.field(description="A page of the provider or the bank.")
    expires_at: datetime = strawberry.field(description="Until when it can be done.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, provider.RedirectAction)


@strawberry.type(description="Hand the secret to the provider's SDK, which takes the customer through it.")
class SdkAction:
    client_secret: str = strawberry.field(description="For the provider's SDK; do not store or log it.")
    token: str | None = strawberry.field(
        description="What the SDK knows the card by, for this one confirmation; null where the SDK need not be told, "
        "and for a card that your form still has. Braintree: the `nonce` of `verifyCard`."
    )
    card_bin: str | None = strawberry.field(
        description="The first digits of the card's number, which tell its bank; null where the SDK need not be told. "
        "Braintree: the `bin` of `verifyCard`."
    )
    expires_at: datetime = strawberry.field(description="Until when it can be done.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, provider.SdkAction)


NextAction = Annotated[
    RedirectAction | SdkAction,
    strawberry.union(
        "NextAction",
        description="What the customer has to do so that it goes on. The list grows: offer another way to pay where "
        "you do not know one.",
    ),
]
