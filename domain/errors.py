"""Everything that can be refused, as one tree.

    PaydeskError                     code, message, path into the input
    ├── InvalidInput                 the value itself is wrong
    │   ├── AmountNotRepresentable, AmountNotPositive, CurrencyUnknown, CurrencyMismatch
    │   └── CardNumberRefused, ReturnUrlNotAllowed, CursorInvalid
    ├── NotFound                     missing, or somebody else's: the same words for both
    ├── PermissionDenied             this principal may never do this
    ├── Conflict                     right in itself, but not now
    │   ├── IdempotencyConflict, StaleVersion, ChargeInProgress, OrderAlreadyPaid, …
    └── ProviderUnavailable          certain that nothing happened; try again

A user error reaches the client as data (`userErrors`), with its code from `ErrorCode`: one list for domain, schema and
docs. An error's name is a sentence without a subject; its message is for a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum


class ErrorCode(StrEnum):
    INVALID_INPUT = "INVALID_INPUT"
    AMOUNT_NOT_POSITIVE = "AMOUNT_NOT_POSITIVE"
    AMOUNT_NOT_REPRESENTABLE = "AMOUNT_NOT_REPRESENTABLE"
    CURRENCY_UNKNOWN = "CURRENCY_UNKNOWN"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    CARD_NUMBER_REFUSED = "CARD_NUMBER_REFUSED"
    RETURN_URL_NOT_ALLOWED = "RETURN_URL_NOT_ALLOWED"
    NOT_FOUND = "NOT_FOUND"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    EXTERNAL_ID_TAKEN = "EXTERNAL_ID_TAKEN"
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    STALE_VERSION = "STALE_VERSION"
    DELETE_NOT_ALLOWED = "DELETE_NOT_ALLOWED"
    PRODUCT_ARCHIVED = "PRODUCT_ARCHIVED"
    PRICE_ARCHIVED = "PRICE_ARCHIVED"
    PRICE_NOT_ONE_TIME = "PRICE_NOT_ONE_TIME"
    PRICE_NOT_RECURRING = "PRICE_NOT_RECURRING"
    PRICE_INTERVAL_MISMATCH = "PRICE_INTERVAL_MISMATCH"
    ORDER_NOT_OPEN = "ORDER_NOT_OPEN"
    ORDER_EMPTY = "ORDER_EMPTY"
    ORDER_NOT_PAYABLE = "ORDER_NOT_PAYABLE"
    ORDER_ALREADY_PAID = "ORDER_ALREADY_PAID"
    ORDER_NOT_CANCELABLE = "ORDER_NOT_CANCELABLE"
    INVOICE_NOT_DRAFT = "INVOICE_NOT_DRAFT"
    INVOICE_NOT_OPEN = "INVOICE_NOT_OPEN"
    INVOICE_NOT_PAYABLE = "INVOICE_NOT_PAYABLE"
    INVOICE_ALREADY_PAID = "INVOICE_ALREADY_PAID"
    INVOICE_NOT_CREDITABLE = "INVOICE_NOT_CREDITABLE"
    CREDIT_TOO_HIGH = "CREDIT_TOO_HIGH"
    SUBSCRIPTION_NOT_CHANGEABLE = "SUBSCRIPTION_NOT_CHANGEABLE"
    CHANGE_PENDING = "CHANGE_PENDING"
    NOTHING_TO_UNDO = "NOTHING_TO_UNDO"
    BALANCE_TOO_LOW = "BALANCE_TOO_LOW"
    PREFIX_IN_USE = "PREFIX_IN_USE"
    CLOCK_ADVANCING = "CLOCK_ADVANCING"
    CHARGE_IN_PROGRESS = "CHARGE_IN_PROGRESS"
    CHARGE_NOT_CAPTURABLE = "CHARGE_NOT_CAPTURABLE"
    CHARGE_NOT_VOIDABLE = "CHARGE_NOT_VOIDABLE"
    CAPTURE_AMOUNT_TOO_HIGH = "CAPTURE_AMOUNT_TOO_HIGH"
    CHARGE_NOT_REFUNDABLE = "CHARGE_NOT_REFUNDABLE"
    REFUND_AMOUNT_TOO_HIGH = "REFUND_AMOUNT_TOO_HIGH"
    CHARGE_DISPUTED = "CHARGE_DISPUTED"
    DISPUTE_NOT_OPEN = "DISPUTE_NOT_OPEN"
    DISPUTE_IN_PROGRESS = "DISPUTE_IN_PROGRESS"
    REVIEW_NOT_OPEN = "REVIEW_NOT_OPEN"
    NOT_TO_BE_SETTLED = "NOT_TO_BE_SETTLED"
    PAYMENT_METHOD_MISSING = "PAYMENT_METHOD_MISSING"
    PAYMENT_METHOD_NOT_USABLE = "PAYMENT_METHOD_NOT_USABLE"
    PAYMENT_METHOD_IN_USE = "PAYMENT_METHOD_IN_USE"
    TOO_MANY_DECLINES = "TOO_MANY_DECLINES"
    TOO_MANY_AT_ONCE = "TOO_MANY_AT_ONCE"
    CUSTOMER_REDACTED = "CUSTOMER_REDACTED"
    CUSTOMER_HAS_OPEN_PAYMENTS = "CUSTOMER_HAS_OPEN_PAYMENTS"
    CUSTOMER_HAS_OPEN_ORDERS = "CUSTOMER_HAS_OPEN_ORDERS"
    CUSTOMER_HAS_SUBSCRIPTIONS = "CUSTOMER_HAS_SUBSCRIPTIONS"
    CUSTOMER_HAS_OPEN_INVOICES = "CUSTOMER_HAS_OPEN_INVOICES"
    API_KEY_NOT_ACTIVE = "API_KEY_NOT_ACTIVE"
    API_KEY_IN_USE = "API_KEY_IN_USE"
    WEBHOOK_NOT_REPLAYABLE = "WEBHOOK_NOT_REPLAYABLE"
    JOB_RUNNING = "JOB_RUNNING"
    DISCREPANCY_OPEN = "DISCREPANCY_OPEN"
    DISCREPANCY_CLOSED = "DISCREPANCY_CLOSED"
    RECOVERY_IN_PROGRESS = "RECOVERY_IN_PROGRESS"
    UNSUPPORTED_BY_PROVIDER = "UNSUPPORTED_BY_PROVIDER"
    ACCOUNT_NOT_CONFIGURED = "ACCOUNT_NOT_CONFIGURED"
    PROVIDER_UNAVAILABLE = "PROVIDER_UNAVAILABLE"
    PROVIDER_REFUSED = "PROVIDER_REFUSED"


class PaydeskError(Exception):
    """A refusal that the caller can cause and understand. `path` leads to the field of the input at fault."""

    code: ErrorCode
    retry_after_seconds: int | None = None
    """When the same request may go well; None where time alone changes nothing, or nobody knows."""

    def __init__(self, message: str, *, path: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = path

    def at(self, *path: str) -> PaydeskError:
        """The same refusal, told where in the input it arose; a path that is known already grows on the left."""
        self.path = (*path, *self.path)
        return self


@contextmanager
def told_of(*path: str) -> Iterator[None]:
    """Refusals inside are told where in the input they arose."""
    try:
        yield
    except PaydeskError as error:
        raise error.at(*path) from None


# --- the value itself is wrong --------------------------------------------------------------------------------------


class InvalidInput(PaydeskError):
    code = ErrorCode.INVALID_INPUT


class AmountNotPositive(InvalidInput):
    code = ErrorCode.AMOUNT_NOT_POSITIVE

    def __init__(self, *, path: tuple[str, ...] = ()) -> None:
        super().__init__("The amount has to be more than zero.", path=path)


class AmountNotRepresentable(InvalidInput):
    code = ErrorCode.AMOUNT_NOT_REPRESENTABLE

    def __init__(self, minor_units: object, *, path: tuple[str, ...] = ()) -> None:
        super().__init__(
            "An amount is a whole number of the currency's smallest unit, at most 9007199254740991 (2^53 - 1).",
            path=path,
        )
        self.minor_units = minor_units


class CurrencyUnknown(InvalidInput):
    code = ErrorCode.CURRENCY_UNKNOWN

    def __init__(self, currency: str, *, path: tuple[str, ...] = ()) -> None:
        super().__init__(f"{currency[:8]!r} is not a currency code of ISO 4217 that money can have.", path=path)
        self.currency = currency


class CurrencyMismatch(InvalidInput):
    code = ErrorCode.CURRENCY_MISMATCH

    def __init__(self, *, expected: str, actual: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(f"This has to be in {expected}, not in {actual}.", path=path)
        self.expected = expected
        self.actual = actual


class CardNumberRefused(InvalidInput):
    code = ErrorCode.CARD_NUMBER_REFUSED

    def __init__(self, *, path: tuple[str, ...] = ()) -> None:
        super().__init__(
            "This looks like a card number. Card numbers never go through this API: use the provider's card form.",
            path=path,
        )


class ReturnUrlNotAllowed(InvalidInput):
    code = ErrorCode.RETURN_URL_NOT_ALLOWED

    def __init__(self, *, path: tuple[str, ...] = ()) -> None:
        super().__init__(
            "This return url is not on the deployment's list (PAYDESK_RETURN_URLS).",
            path=path,
        )


# --- who and what ---------------------------------------------------------------------------------------------------


class NotFound(PaydeskError):
    """Missing, or somebody else's: both read the same, so that nobody can probe for what exists."""

    code = ErrorCode.NOT_FOUND

    def __init__(self, what: str, *, path: tuple[str, ...] = ()) -> None:
        super().__init__(f"There is no such {what}.", path=path)
        self.what = what


class PermissionDenied(PaydeskError):
    code = ErrorCode.PERMISSION_DENIED

    def __init__(self, message: str = "You may not do this.", *, path: tuple[str, ...] = ()) -> None:
        super().__init__(message, path=path)


# --- right in itself, but not now -----------------------------------------------------------------------------------


class Conflict(PaydeskError):
    """The request is right in itself; the state of the world stands against it."""


class ExternalIdTaken(Conflict):
    code = ErrorCode.EXTERNAL_ID_TAKEN

    def __init__(self, what: str, *, path: tuple[str, ...] = ()) -> None:
        super().__init__(f"Another {what} has this externalId.", path=path)


class IdempotencyConflict(Conflict):
    code = ErrorCode.IDEMPOTENCY_CONFLICT

    def __init__(self) -> None:
        super().__init__(
            "This idempotencyKey was used with other input. Use a new key for a new request.",
            path=("idempotencyKey",),
        )


class StaleVersion(Conflict):
    code = ErrorCode.STALE_VERSION

    def __init__(self, *, expected: int, actual: int) -> None:
        super().__init__(
            f"It changed in the meantime: you have version {expected}, it is at {actual}. Read it again.",
            path=("version",),
        )


class DeleteNotAllowed(Conflict):
    code = ErrorCode.DELETE_NOT_ALLOWED


class ProductArchived(Conflict):
    code = ErrorCode.PRODUCT_ARCHIVED

    def __init__(self, *, path: tuple[str, ...] = ()) -> None:
        super().__init__("The product is archived and no longer sold.", path=path)


class PriceArchived(Conflict):
    code = ErrorCode.PRICE_ARCHIVED

    def __init__(self, *, path: tuple[str, ...] = ()) -> None:
        super().__init__("The price is archived and no longer sold.", path=path)


class PriceNotOneTime(Conflict):
    code = ErrorCode.PRICE_NOT_ONE_TIME

    def __init__(self, *, path: tuple[str, ...] = ()) -> None:
        super().__init__("An order takes one-time prices; a recurring price is for subscriptions.", path=path)


class PriceNotRecurring(Conflict):
    code = ErrorCode.PRICE_NOT_RECURRING

    def __init__(self, *, path: tuple[str, ...] = ()) -> None:
        super().__init__("A subscription takes recurring prices; a one-time price is for orders.", path=path)


class PriceIntervalMismatch(Conflict):
    code = ErrorCode.PRICE_INTERVAL_MISMATCH

    def __init__(self, *, path: tuple[str, ...] = ()) -> None:
        super().__init__("All prices of a subscription are due at the same interval.", path=path)


class OrderNotOpen(Conflict):
    code = ErrorCode.ORDER_NOT_OPEN

    def __init__(self, state: str) -> None:
        super().__init__(f"The order is {state.lower()}: only an open order can change.", path=("orderId",))


class OrderEmpty(Conflict):
    code = ErrorCode.ORDER_EMPTY

    def __init__(self) -> None:
        super().__init__("The order has no lines.", path=("orderId",))


class OrderNotPayable(Conflict):
    code = ErrorCode.ORDER_NOT_PAYABLE

    def __init__(self, state: str, *, path: tuple[str, ...] = ("orderId",)) -> None:
        super().__init__(f"The order is {state.lower()} and cannot be paid.", path=path)


class OrderAlreadyPaid(Conflict):
    code = ErrorCode.ORDER_ALREADY_PAID

    def __init__(self, *, path: tuple[str, ...] = ("orderId",)) -> None:
        super().__init__("The order is paid already.", path=path)


class OrderNotCancelable(Conflict):
    code = ErrorCode.ORDER_NOT_CANCELABLE

    def __init__(self, state: str) -> None:
        super().__init__(
            f"The order is {state.lower()} and cannot be cancelled. Money that was taken goes back by chargeRefund.",
            path=("orderId",),
        )


class OrderHeld(OrderNotCancelable):
    def __init__(self) -> None:
        Conflict.__init__(self, "An amount is held for this order, which only the shop can release.", path=("orderId",))


class InvoiceNotDraft(Conflict):
    code = ErrorCode.INVOICE_NOT_DRAFT

    def __init__(self, state: str) -> None:
        super().__init__(
            f"The invoice is {state.lower()}: since it was issued it never changes. Credit it instead.",
            path=("invoiceId",),
        )


class InvoiceDiscarded(InvoiceNotDraft):
    def __init__(self) -> None:
        Conflict.__init__(self, "The draft was discarded. Make a new one.", path=("invoiceId",))


class InvoiceLineTaken(InvoiceNotDraft):
    def __init__(self) -> None:
        Conflict.__init__(
            self, "The line is on an invoice that was issued. Credit it there instead.", path=("invoiceItemId",)
        )


class InvoiceNotOpen(Conflict):
    code = ErrorCode.INVOICE_NOT_OPEN

    def __init__(self, state: str) -> None:
        super().__init__(f"The invoice is {state.lower()}, and waits for no payment.", path=("invoiceId",))


class InvoiceNotPayable(Conflict):
    code = ErrorCode.INVOICE_NOT_PAYABLE

    def __init__(self, state: str, *, path: tuple[str, ...] = ("invoiceId",)) -> None:
        super().__init__(f"The invoice is {state.lower()} and cannot be paid.", path=path)


class InvoiceAlreadyPaid(Conflict):
    code = ErrorCode.INVOICE_ALREADY_PAID

    def __init__(self, *, path: tuple[str, ...] = ("invoiceId",)) -> None:
        super().__init__("The invoice is paid already.", path=path)


class InvoicePaidInPart(InvoiceAlreadyPaid):
    def __init__(self) -> None:
        Conflict.__init__(
            self, "A part of the invoice was taken. Credit what is left of it instead.", path=("invoiceId",)
        )


class InvoiceNotCreditable(Conflict):
    code = ErrorCode.INVOICE_NOT_CREDITABLE

    def __init__(self, state: str) -> None:
        super().__init__(f"The invoice is {state.lower()}: there is nothing to be credited.", path=("invoiceId",))


class CreditTooHigh(Conflict):
    code = ErrorCode.CREDIT_TOO_HIGH

    def __init__(self, most: str) -> None:
        super().__init__(f"At most {most} can be credited in this way.", path=("amount",))


class SubscriptionNotChangeable(Conflict):
    code = ErrorCode.SUBSCRIPTION_NOT_CHANGEABLE

    def __init__(self, state: str) -> None:
        super().__init__(
            f"The subscription is {state.lower().replace('_', ' ')}: this cannot be done to it now.",
            path=("subscriptionId",),
        )


class SomethingOwed(SubscriptionNotChangeable):
    def __init__(self) -> None:
        Conflict.__init__(
            self,
            "Something of it is owed. Pay that first, or change it when its period ends.",
            path=("subscriptionId",),
        )


class ChangePending(Conflict):
    code = ErrorCode.CHANGE_PENDING

    def __init__(self, message: str) -> None:
        super().__init__(message, path=("subscriptionId",))


class NothingToUndo(Conflict):
    code = ErrorCode.NOTHING_TO_UNDO

    def __init__(self, what: str) -> None:
        super().__init__(f"No {what.lower()} of this subscription is scheduled.", path=("what",))


class BalanceTooLow(Conflict):
    code = ErrorCode.BALANCE_TOO_LOW

    def __init__(self, balance: str) -> None:
        super().__init__(f"The customer has {balance}, of which more cannot be taken back.", path=("amount",))


class PrefixInUse(Conflict):
    code = ErrorCode.PREFIX_IN_USE

    def __init__(self, prefix: str, other: str, *, path: tuple[str, ...]) -> None:
        super().__init__(f"{prefix!r} stands before numbers of {other} already: two could be equal.", path=path)


class ClockAdvancing(Conflict):
    code = ErrorCode.CLOCK_ADVANCING

    def __init__(self) -> None:
        super().__init__("The test clock is being advanced. Ask again when it has arrived.")


class ChargeInProgress(Conflict):
    code = ErrorCode.CHARGE_IN_PROGRESS

    def __init__(self, *, path: tuple[str, ...] = ()) -> None:
        super().__init__("A payment of this order or invoice is still under way.", path=path)


class ChargeNotCapturable(Conflict):
    code = ErrorCode.CHARGE_NOT_CAPTURABLE

    def __init__(self, state: str) -> None:
        super().__init__(
            f"The charge is {state.lower().replace('_', ' ')}: only an authorized charge can be captured.",
            path=("chargeId",),
        )


class ChargeNotVoidable(Conflict):
    code = ErrorCode.CHARGE_NOT_VOIDABLE

    def __init__(self, state: str) -> None:
        super().__init__(
            f"The charge is {state.lower().replace('_', ' ')}: there is nothing to call off. Money that was taken goes "
            "back by chargeRefund.",
            path=("chargeId",),
        )


class CaptureAmountTooHigh(Conflict):
    code = ErrorCode.CAPTURE_AMOUNT_TOO_HIGH

    def __init__(self, capturable: str) -> None:
        super().__init__(f"At most {capturable} of this charge can be captured.", path=("amount",))


class ChargeNotRefundable(Conflict):
    code = ErrorCode.CHARGE_NOT_REFUNDABLE

    def __init__(self, state: str) -> None:
        super().__init__(
            f"The charge is {state.lower().replace('_', ' ')}: there is nothing to refund.",
            path=("chargeId",),
        )


class NothingLeftToRefund(ChargeNotRefundable):
    def __init__(self) -> None:
        Conflict.__init__(self, "All of the charge was refunded, or is being refunded.", path=("chargeId",))


class RefundAmountTooHigh(Conflict):
    code = ErrorCode.REFUND_AMOUNT_TOO_HIGH

    def __init__(self, refundable: str) -> None:
        super().__init__(f"At most {refundable} of this charge can be refunded.", path=("amount",))


class ChargeDisputed(ChargeNotRefundable):
    code = ErrorCode.CHARGE_DISPUTED

    def __init__(self) -> None:
        Conflict.__init__(
            self, "What is left of the charge was taken by a dispute: its bank decides who gets it.", path=("chargeId",)
        )


class DisputeNotOpen(Conflict):
    code = ErrorCode.DISPUTE_NOT_OPEN

    def __init__(self, state: str) -> None:
        super().__init__(
            f"The dispute is {state.lower().replace('_', ' ')}: it takes no response.", path=("disputeId",)
        )


class InquiryNotAcceptable(DisputeNotOpen):
    """There is nothing to give in to: no money was taken."""

    def __init__(self) -> None:
        Conflict.__init__(
            self, "An inquiry has taken no money: refund the charge, or send evidence.", path=("disputeId",)
        )


class DisputeInProgress(Conflict):
    code = ErrorCode.DISPUTE_IN_PROGRESS

    def __init__(self) -> None:
        super().__init__("A response to this dispute is under way.", path=("disputeId",))


class ReviewNotOpen(Conflict):
    code = ErrorCode.REVIEW_NOT_OPEN

    def __init__(self) -> None:
        super().__init__("No review of this charge is open for this reason.", path=("reason",))


class NotToBeSettled(Conflict):
    """By hand, that is: the gateway knows, or may still find out by itself."""

    code = ErrorCode.NOT_TO_BE_SETTLED


class PaymentMethodMissing(Conflict):
    code = ErrorCode.PAYMENT_METHOD_MISSING

    def __init__(self) -> None:
        super().__init__(
            "The customer has no default payment method: name one in paymentMethodId.",
            path=("paymentMethodId",),
        )


class PaymentMethodNotUsable(Conflict):
    code = ErrorCode.PAYMENT_METHOD_NOT_USABLE

    def __init__(self, state: str) -> None:
        super().__init__(
            f"The payment method is {state.lower().replace('_', ' ')} and cannot be used.",
            path=("paymentMethodId",),
        )


class PaymentMethodForbidden(PaymentMethodNotUsable):
    """Without the reason, which may be a theft: the words are for whoever holds the card."""

    def __init__(self) -> None:
        Conflict.__init__(
            self, "The bank forbids further payments with this card. Use another one.", path=("paymentMethodId",)
        )


class TooManyDeclines(Conflict):
    code = ErrorCode.TOO_MANY_DECLINES

    def __init__(self, *, retry_after_seconds: int, of_payment_method: bool) -> None:
        if of_payment_method:
            super().__init__("This card was declined too often. Use another one.", path=("paymentMethodId",))
        else:
            super().__init__("Too many payments or cards were declined. Please try again later.")
        self.retry_after_seconds = retry_after_seconds


class TooManyAtOnce(Conflict):
    """Of one customer, card or address, while nobody knows what becomes of what is under way."""

    code = ErrorCode.TOO_MANY_AT_ONCE

    def __init__(self, *, retry_after_seconds: int) -> None:
        super().__init__("Too many payments are under way at once. Please try again in a moment.")
        self.retry_after_seconds = retry_after_seconds


class PaymentMethodInUse(Conflict):
    code = ErrorCode.PAYMENT_METHOD_IN_USE

    def __init__(self) -> None:
        super().__init__("A payment with this payment method is still under way.", path=("paymentMethodId",))


# --- the provider ---------------------------------------------------------------------------------------------------


class CustomerRedacted(Conflict):
    code = ErrorCode.CUSTOMER_REDACTED

    def __init__(self) -> None:
        super().__init__("The customer's data was erased; make a new customer.", path=("customerId",))


class CustomerHasOpenPayments(Conflict):
    code = ErrorCode.CUSTOMER_HAS_OPEN_PAYMENTS

    def __init__(self) -> None:
        super().__init__("A payment, a refund or a card of this customer is still under way.", path=("customerId",))


class CustomerHasOpenOrders(Conflict):
    code = ErrorCode.CUSTOMER_HAS_OPEN_ORDERS

    def __init__(self) -> None:
        super().__init__("The customer has an open or unpaid order; cancel it first.", path=("customerId",))


class CustomerHasSubscriptions(Conflict):
    code = ErrorCode.CUSTOMER_HAS_SUBSCRIPTIONS

    def __init__(self) -> None:
        super().__init__("The customer has a subscription that goes on; cancel it first.", path=("customerId",))


class CustomerHasOpenInvoices(Conflict):
    code = ErrorCode.CUSTOMER_HAS_OPEN_INVOICES

    def __init__(self) -> None:
        super().__init__(
            "An invoice of the customer is a draft or waits to be paid, or something waits for their next one.",
            path=("customerId",),
        )


class ApiKeyNotActive(Conflict):
    code = ErrorCode.API_KEY_NOT_ACTIVE

    def __init__(self) -> None:
        super().__init__("The key is revoked or has expired; make another.", path=("apiKeyId",))


class ApiKeyInUse(Conflict):
    code = ErrorCode.API_KEY_IN_USE

    def __init__(self) -> None:
        super().__init__("A key does not revoke itself: use another one, or the command line.", path=("apiKeyId",))


class WebhookNotReplayable(Conflict):
    code = ErrorCode.WEBHOOK_NOT_REPLAYABLE

    def __init__(self, message: str) -> None:
        super().__init__(message, path=("webhookDeliveryId",))


class JobRunning(Conflict):
    code = ErrorCode.JOB_RUNNING

    def __init__(self) -> None:
        super().__init__("A worker is doing this job at the moment; look again when it has ended.", path=("jobId",))


class DiscrepancyOpen(Conflict):
    code = ErrorCode.DISCREPANCY_OPEN

    def __init__(self, what: str, *, path: tuple[str, ...] = ()) -> None:
        super().__init__(
            f"The payment provider's books differ about this {what}. No money moves until the staff says so.",
            path=path,
        )


class DiscrepancyClosed(Conflict):
    code = ErrorCode.DISCREPANCY_CLOSED

    def __init__(self) -> None:
        super().__init__("The discrepancy is closed already.", path=("discrepancyId",))


class RecoveryInProgress(Conflict):
    code = ErrorCode.RECOVERY_IN_PROGRESS

    def __init__(self) -> None:
        super().__init__("Payments are paused while the books are being checked. Please try again later.")


class UnsupportedByProvider(PaydeskError):
    code = ErrorCode.UNSUPPORTED_BY_PROVIDER

    def __init__(self, what: str, provider: str) -> None:
        super().__init__(f"The provider {provider} does not support {what}.")


class AccountNotConfigured(PaydeskError):
    """An account that something was made with is gone from the configuration: for the operator to mend."""

    code = ErrorCode.ACCOUNT_NOT_CONFIGURED

    def __init__(self, account: str) -> None:
        super().__init__(f"This was made with the provider account {account!r}, which this deployment does not have.")
        self.account = account


class ProviderUnavailable(PaydeskError):
    """Certain that nothing happened there; the client may send the same request again."""

    code = ErrorCode.PROVIDER_UNAVAILABLE

    def __init__(self, *, retry_after_seconds: int | None = None) -> None:
        super().__init__("The payment provider cannot be reached just now. Nothing was charged; please try again.")
        self.retry_after_seconds = retry_after_seconds


class ProviderRefused(PaydeskError):
    code = ErrorCode.PROVIDER_REFUSED
