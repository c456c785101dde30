# ruff: noqa: S106 - these tokens are public and open nothing
"""The test cards: which numbers and token names exist, and how each behaves.

The numbers are the ones that Stripe publishes for testing (https://docs.stripe.com/testing), so that habits and test
plans carry over; those that begin with 4000 0000 0001 are ours, for what Stripe has no card for. They live in this
table only: the books keep a card's `name` and its last four digits. docs/reference/test-cards.md shows the same table
to users; a test compares the two.
"""

from dataclasses import dataclass

from domain.provider import CardBrand, DisputeReason


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeCard:
    name: str
    number: str
    token: str
    """A token that can be used any number of times, for those who do not want to call the tokenizer."""
    brand: CardBrand = CardBrand.VISA
    decline: str | None = None
    """The bank's code (declines.py) when a charge is declined; with `challenge`, after the customer confirmed, and with
    `pending`, once it settles."""
    challenge: bool = False
    """3D Secure: with the customer there, the charge waits for the confirmation; without, it is declined."""
    confirmed_first: bool = False
    """Its owner has to confirm that it is stored."""
    pending: bool = False
    """A charge is pending at first, and settles after the bank's time for that."""
    settling_fails: bool = False
    """With `pending`: what it settles to is a failure, for a reason that is not the cardholder's."""
    refund_course: tuple[str, ...] = ("succeeded",)
    """The states of a refund, one after the other: between two of them lies the bank's time for settling."""
    disputed_as: DisputeReason | None = None
    """What the customer tells their bank as soon as the money is taken."""
    inquiry: bool = False
    """With `disputed_as`: their bank only asks."""

    @property
    def last4(self) -> str:
        return self.number[-4:]


CARDS: tuple[FakeCard, ...] = (
    FakeCard(name="visa", number="4242424242424242", token="tok_visa"),
    FakeCard(name="visa_debit", number="4000056655665556", token="tok_visa_debit"),
    FakeCard(name="mastercard", number="5555555555554444", token="tok_mastercard", brand=CardBrand.MASTERCARD),
    FakeCard(
        name="mastercard_2_series",
        number="2223003122003222",
        token="tok_mastercard_2_series",
        brand=CardBrand.MASTERCARD,
    ),
    FakeCard(name="amex", number="378282246310005", token="tok_amex", brand=CardBrand.AMERICAN_EXPRESS),
    FakeCard(name="discover", number="6011111111111117", token="tok_discover", brand=CardBrand.DISCOVER),
    FakeCard(name="diners", number="3056930009020004", token="tok_diners", brand=CardBrand.DINERS_CLUB),
    FakeCard(name="jcb", number="3566002020360505", token="tok_jcb", brand=CardBrand.JCB),
    FakeCard(name="unionpay", number="6200000000000005", token="tok_unionpay", brand=CardBrand.UNIONPAY),
    FakeCard(
        name="declined",
        number="4000000000000002",
        token="tok_chargeDeclined",
        decline="generic_decline",
    ),
    FakeCard(
        name="declined_insufficient_funds",
        number="4000000000009995",
        token="tok_chargeDeclinedInsufficientFunds",
        decline="insufficient_funds",
    ),
    FakeCard(
        name="declined_lost",
        number="4000000000009987",
        token="tok_chargeDeclinedLostCard",
        decline="lost_card",
    ),
    FakeCard(
        name="declined_stolen",
        number="4000000000009979",
        token="tok_chargeDeclinedStolenCard",
        decline="stolen_card",
    ),
    FakeCard(
        name="declined_expired",
        number="4000000000000069",
        token="tok_chargeDeclinedExpiredCard",
        decline="expired_card",
    ),
    FakeCard(
        name="declined_incorrect_cvc",
        number="4000000000000127",
        token="tok_chargeDeclinedIncorrectCvc",
        decline="incorrect_cvc",
    ),
    FakeCard(
        name="declined_processing_error",
        number="4000000000000119",
        token="tok_chargeDeclinedProcessingError",
        decline="processing_error",
    ),
    FakeCard(
        name="declined_velocity",
        number="4000000000006975",
        token="tok_chargeDeclinedVelocityLimitExceeded",
        decline="card_velocity_exceeded",
    ),
    FakeCard(
        name="declined_fraudulent",
        number="4100000000000019",
        token="tok_chargeDeclinedFraudulent",
        decline="fraudulent",
    ),
    FakeCard(
        name="declined_after_attaching",
        number="4000000000000341",
        token="tok_chargeCustomerFail",
        decline="generic_decline",
    ),
    FakeCard(
        name="three_d_secure",
        number="4000002500003155",
        token="tok_threeDSecureRequired",
        challenge=True,
    ),
    FakeCard(
        name="three_d_secure_always",
        number="4000002760003184",
        token="tok_authenticationRequired",
        challenge=True,
    ),
    FakeCard(
        name="three_d_secure_then_declined",
        number="4000008400001629",
        token="tok_threeDSecureRequiredChargeDeclined",
        challenge=True,
        decline="generic_decline",
    ),
    FakeCard(
        name="three_d_secure_then_insufficient_funds",
        number="4000008260003178",
        token="tok_authenticationRequiredChargeDeclinedInsufficientFunds",
        challenge=True,
        decline="insufficient_funds",
    ),
    FakeCard(
        name="three_d_secure_when_stored",
        number="4000000000010068",
        token="tok_threeDSecureWhenStored",
        confirmed_first=True,
    ),
    FakeCard(name="pending", number="4000000000010019", token="tok_chargePending", pending=True),
    FakeCard(
        name="pending_then_declined",
        number="4000000000010027",
        token="tok_chargePendingThenDeclined",
        pending=True,
        decline="insufficient_funds",
    ),
    FakeCard(
        name="pending_then_failed",
        number="4000000000010035",
        token="tok_chargePendingThenFailed",
        pending=True,
        settling_fails=True,
    ),
    FakeCard(
        name="refund_pending",
        number="4000000000007726",
        token="tok_pendingRefund",
        refund_course=("pending", "succeeded"),
    ),
    FakeCard(
        name="refund_fails",
        number="4000000000005126",
        token="tok_refundFail",
        refund_course=("succeeded", "failed"),
    ),
    FakeCard(
        name="refund_pending_then_fails",
        number="4000000000010043",
        token="tok_pendingRefundFail",
        refund_course=("pending", "failed"),
    ),
    FakeCard(
        name="refund_fails_at_once",
        number="4000000000010050",
        token="tok_refundFailAtOnce",
        refund_course=("failed",),
    ),
    FakeCard(
        name="disputed_as_fraudulent",
        number="4000000000000259",
        token="tok_createDispute",
        disputed_as=DisputeReason.FRAUDULENT,
    ),
    FakeCard(
        name="disputed_as_not_received",
        number="4000000000002685",
        token="tok_createDisputeProductNotReceived",
        disputed_as=DisputeReason.PRODUCT_NOT_RECEIVED,
    ),
    FakeCard(
        name="inquired_about",
        number="4000000000001976",
        token="tok_createDisputeInquiry",
        disputed_as=DisputeReason.FRAUDULENT,
        inquiry=True,
    ),
)

CARDS_BY_NAME = {card.name: card for card in CARDS}
CARDS_BY_NUMBER = {card.number: card for card in CARDS}
CARDS_BY_TOKEN = {card.token: card for card in CARDS}
