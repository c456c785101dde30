"""How refusals of the domain reach the client: as data in a mutation, with a code in a query."""

import strawberry

from domain.errors import ErrorCode, PaydeskError, PermissionDenied
from domain.pages import CursorInvalid
from domain.principals import SignInRequired
from schema.described import described_enum
from schema.masking import ExposedError, MaskingFormatter

UserErrorCode = described_enum(
    ErrorCode,
    name="UserErrorCode",
    description="Why a mutation was refused. The list grows; treat a code that you do not know by its message.",
    values={
        ErrorCode.INVALID_INPUT: "A value is not one that this field takes; `path` says which.",
        ErrorCode.AMOUNT_NOT_POSITIVE: "The amount has to be more than zero.",
        ErrorCode.AMOUNT_NOT_REPRESENTABLE: "The amount is larger than 2^53 - 1 of the smallest unit.",
        ErrorCode.CURRENCY_UNKNOWN: "This is no currency of ISO 4217.",
        ErrorCode.CURRENCY_MISMATCH: "The amount is in another currency than what it belongs to.",
        ErrorCode.CARD_NUMBER_REFUSED: "A text looks like a card number, which never goes through this API.",
        ErrorCode.RETURN_URL_NOT_ALLOWED: "The deployment does not send customers to this address.",
        ErrorCode.NOT_FOUND: "It does not exist, or it is not yours.",
        ErrorCode.PERMISSION_DENIED: "This key or token may not do this.",
        ErrorCode.EXTERNAL_ID_TAKEN: "Another record has this `externalId`.",
        ErrorCode.IDEMPOTENCY_CONFLICT: "The `idempotencyKey` was used with other input.",
        ErrorCode.STALE_VERSION: "The record changed since you read it.",
        ErrorCode.DELETE_NOT_ALLOWED: "Billing records are never deleted; the message says what to do instead.",
        ErrorCode.PRODUCT_ARCHIVED: "The product is no longer sold.",
        ErrorCode.PRICE_ARCHIVED: "The price is no longer offered.",
        ErrorCode.PRICE_NOT_ONE_TIME: "Orders take one-time prices only.",
        ErrorCode.PRICE_NOT_RECURRING: "Subscriptions take recurring prices only.",
        ErrorCode.PRICE_INTERVAL_MISMATCH: "All prices of a subscription are due at the same interval.",
        ErrorCode.ORDER_NOT_OPEN: "Only an open order can change.",
        ErrorCode.ORDER_EMPTY: "The order has no lines.",
        ErrorCode.ORDER_NOT_PAYABLE: "The order is cancelled or expired.",
        ErrorCode.ORDER_ALREADY_PAID: "The order is paid already.",
        ErrorCode.ORDER_NOT_CANCELABLE: "The order is complete, ended, or has taken money.",
        ErrorCode.INVOICE_NOT_DRAFT: "The invoice was issued, and never changes any more.",
        ErrorCode.INVOICE_NOT_OPEN: "The invoice waits for no payment.",
        ErrorCode.INVOICE_NOT_PAYABLE: "The invoice is a draft, or was called off.",
        ErrorCode.INVOICE_ALREADY_PAID: "The invoice is paid already.",
        ErrorCode.INVOICE_NOT_CREDITABLE: "The invoice is a draft, or was called off.",
        ErrorCode.CREDIT_TOO_HIGH: "More than can be credited of what was printed, is due, or was paid.",
        ErrorCode.SUBSCRIPTION_NOT_CHANGEABLE: "This cannot be done to a subscription in its state, or while it owes.",
        ErrorCode.CHANGE_PENDING: "A change, cancellation or pause is scheduled that stands in the way; undo it first.",
        ErrorCode.NOTHING_TO_UNDO: "Nothing of this kind is scheduled, or it has happened already.",
        ErrorCode.BALANCE_TOO_LOW: "More than the customer's balance has cannot be taken back.",
        ErrorCode.PREFIX_IN_USE: "The prefix stands before numbers of the other series already.",
        ErrorCode.CLOCK_ADVANCING: "The test clock of the customer is being advanced; ask again when it has arrived.",
        ErrorCode.CHARGE_IN_PROGRESS: "A payment of this order or invoice is under way; ask again when it has ended.",
        ErrorCode.CHARGE_NOT_CAPTURABLE: "The charge holds no money that could be taken; only an AUTHORIZED one does.",
        ErrorCode.CHARGE_NOT_VOIDABLE: "The charge has ended; money that it took goes back by `chargeRefund`.",
        ErrorCode.CAPTURE_AMOUNT_TOO_HIGH: "More than the charge holds; see `Charge.capturable`.",
        ErrorCode.CHARGE_NOT_REFUNDABLE: "The charge has taken no money, or nothing of it is left to refund.",
        ErrorCode.REFUND_AMOUNT_TOO_HIGH: "More than is left of the charge; see `Charge.refundable`.",
        ErrorCode.CHARGE_DISPUTED: "A dispute has taken what is left of the charge; see `Charge.disputes`.",
        ErrorCode.DISPUTE_NOT_OPEN: "The dispute takes no such response: it has one, is decided, or is an inquiry.",
        ErrorCode.DISPUTE_IN_PROGRESS: "A response to the dispute is being sent; ask again when that has ended.",
        ErrorCode.REVIEW_NOT_OPEN: "No review of the charge is open for this reason; see `Charge.reviews`.",
        ErrorCode.NOT_TO_BE_SETTLED: "What became of the money is known, or may still be found out without a person.",
        ErrorCode.PAYMENT_METHOD_MISSING: "No payment method was named and the customer has no default.",
        ErrorCode.PAYMENT_METHOD_NOT_USABLE: "The payment method is not active, or the bank forbids further payments.",
        ErrorCode.PAYMENT_METHOD_IN_USE: "A payment with this payment method is under way.",
        ErrorCode.TOO_MANY_DECLINES: "Of this card, of this customer, or from this address too much was declined; see "
        "`retryAfterSeconds`.",
        ErrorCode.TOO_MANY_AT_ONCE: "Of this card, of this customer, or from this address too much has no answer "
        "yet; see `retryAfterSeconds`.",
        ErrorCode.CUSTOMER_REDACTED: "The customer's personal data was erased; nothing new can be done for them.",
        ErrorCode.CUSTOMER_HAS_OPEN_PAYMENTS: "A payment, refund or card of theirs is under way; wait for its end.",
        ErrorCode.CUSTOMER_HAS_OPEN_ORDERS: "The customer has an open or unpaid order; cancel it first.",
        ErrorCode.CUSTOMER_HAS_SUBSCRIPTIONS: "The customer has a subscription that goes on; cancel it first.",
        ErrorCode.CUSTOMER_HAS_OPEN_INVOICES: "The customer has a draft, an open invoice, or lines that wait for one.",
        ErrorCode.API_KEY_NOT_ACTIVE: "The key is revoked or has expired.",
        ErrorCode.API_KEY_IN_USE: "A key cannot revoke itself.",
        ErrorCode.WEBHOOK_NOT_REPLAYABLE: "There is nothing to apply again; the message says why.",
        ErrorCode.JOB_RUNNING: "A worker is doing the job at the moment.",
        ErrorCode.DISCREPANCY_OPEN: "The provider's books differ about it; no money moves until the staff says so.",
        ErrorCode.DISCREPANCY_CLOSED: "The discrepancy is closed already.",
        ErrorCode.RECOVERY_IN_PROGRESS: "The deployment is being recovered; payments are paused.",
        ErrorCode.UNSUPPORTED_BY_PROVIDER: "The deployment's payment provider cannot do this.",
        ErrorCode.ACCOUNT_NOT_CONFIGURED: "It was made with a provider account that this deployment no longer has.",
        ErrorCode.PROVIDER_UNAVAILABLE: "The provider cannot be reached. Nothing happened; try again.",
        ErrorCode.PROVIDER_REFUSED: "The provider refused, for a reason that trying again does not change.",
    },
)


@strawberry.type(description="Why a mutation was refused: something that the caller can understand and mend.")
class UserError:
    code: ErrorCode = strawberry.field(description="The reason, for programs.")
    message: str = strawberry.field(description="For people, in English.")
    path: list[str] = strawberry.field(description="Leads to the field of the input at fault; empty when it is none.")
    retry_after_seconds: int | None = strawberry.field(
        default=None,
        description="When the same request, with the same key, may go well; null where time alone changes nothing, or "
        "nobody can say.",
    )


def user_error(error: PaydeskError) -> UserError:
    return UserError(
        code=error.code,
        message=error.message,
        path=list(error.path),
        retry_after_seconds=error.retry_after_seconds,
    )


def error_formatter() -> MaskingFormatter:
    """Refusals that reach the top of a request are shown with their code."""
    return MaskingFormatter(
        {
            SignInRequired: lambda error: ExposedError(str(error), code="UNAUTHENTICATED"),
            PermissionDenied: lambda error: ExposedError(error.message, code=error.code),
            PaydeskError: lambda error: ExposedError(error.message, code=error.code, argument=".".join(error.path)),
            CursorInvalid: lambda _: ExposedError("This is not a cursor of this list.", code="BAD_USER_INPUT"),
        }
    )
