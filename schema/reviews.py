"""Reviews: the questions that a charge has for a person."""

from datetime import datetime

import strawberry

from domain.charges import ReviewReason
from schema.described import described_enum

__all__ = ["Review", "ReviewReason"]

described_enum(
    ReviewReason,
    description="Why a person should look at a charge. The list grows.",
    values={
        ReviewReason.AMOUNT_MISMATCH: "The provider took another amount than it was asked for.",
        ReviewReason.UNREQUESTED_CAPTURE: "The provider took money that it held, and no capture had asked for it.",
        ReviewReason.LATE_MONEY: "Money arrived for an order that is cancelled, expired or paid otherwise.",
        ReviewReason.UNRESOLVED: "What became of it could not be found out; see `chargeSettle`.",
        ReviewReason.REFUND_RETURNED: "A refund had succeeded, and its money came back: the customer has not got it.",
        ReviewReason.REFUND_UNRESOLVED: "What became of one of its refunds could not be found out; see `refundSettle`.",
        ReviewReason.DISPUTE_UNRESOLVED: "What became of a response to one of its disputes could not be found out.",
    },
)


@strawberry.type(description="A charge that a person should look at. Nothing is refunded or retried by itself.")
class Review:
    since: datetime = strawberry.field(description="Since when it waits for a person.")
    reason: ReviewReason = strawberry.field(description="Why a person should look at it.")
