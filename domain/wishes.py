"""What can be asked of a subscription, and what becomes of it in each of its states: one table, for code and docs.

What is owed stays owed, whatever is asked: nothing here forgives an invoice. And nobody is given back what they have
not paid: a credit first reduces what is still to be paid of the same period.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from domain.errors import SubscriptionNotChangeable
from domain.subscriptions import Subscription, SubscriptionState


class Wish(StrEnum):
    CHANGE_NOW = "CHANGE_NOW"
    CHANGE_AT_PERIOD_END = "CHANGE_AT_PERIOD_END"
    CANCEL_NOW = "CANCEL_NOW"
    CANCEL_AT_PERIOD_END = "CANCEL_AT_PERIOD_END"
    PAUSE_NOW = "PAUSE_NOW"
    PAUSE_AT_PERIOD_END = "PAUSE_AT_PERIOD_END"
    RESUME = "RESUME"
    UNDO = "UNDO"
    SET_PAYMENT_METHOD = "SET_PAYMENT_METHOD"


_S = SubscriptionState
_AT_PERIOD_END = "When its period ends."
_FREE = "At once, and free; another product only by the shop, where there is a trial."
_NEXT_CHARGE = "For its next invoice."
_OF_WHAT_IS_SCHEDULED = "Of what has not happened yet."

WISHES: Mapping[Wish, Mapping[SubscriptionState, str]] = MappingProxyType(
    {
        Wish.CHANGE_NOW: {
            _S.SCHEDULED: _FREE,
            _S.TRIALING: _FREE,
            _S.ACTIVE: "At once or when it is paid, prorated.",
            _S.PAST_DUE: "At once, prorated; a credit reduces what is owed. APPLY_ON_PAYMENT waits until that is paid.",
            _S.PAUSED: "At once, and free: what is resumed is charged as it is then.",
        },
        Wish.CHANGE_AT_PERIOD_END: {
            _S.SCHEDULED: "When it starts.",
            _S.TRIALING: "When the trial ends.",
            _S.ACTIVE: _AT_PERIOD_END,
            _S.PAST_DUE: _AT_PERIOD_END,
            _S.UNPAID: _AT_PERIOD_END,
            _S.PAUSED: _AT_PERIOD_END,
        },
        Wish.CANCEL_NOW: {
            _S.SCHEDULED: "At once; it never begins.",
            _S.TRIALING: "At once, without an invoice.",
            _S.INCOMPLETE: "At once; its first invoice is called off.",
            _S.ACTIVE: "At once; the rest of the period is credited or lost.",
            _S.PAST_DUE: "At once; what is owed stays owed, less the credit.",
            _S.UNPAID: "At once; what is owed stays owed, less the credit.",
            _S.PAUSED: "At once; nothing is left to credit.",
        },
        Wish.CANCEL_AT_PERIOD_END: {
            _S.SCHEDULED: "When it was to start.",
            _S.TRIALING: "When the trial ends, without an invoice.",
            _S.INCOMPLETE: _AT_PERIOD_END,
            _S.ACTIVE: _AT_PERIOD_END,
            _S.PAST_DUE: "When its period ends; dunning goes on until then, and what is owed stays owed.",
            _S.UNPAID: "When its period ends; what is owed stays owed.",
            _S.PAUSED: "When the running period ends, paused as it is.",
        },
        Wish.PAUSE_NOW: {_S.ACTIVE: "At once; the rest of the period is credited."},
        Wish.PAUSE_AT_PERIOD_END: {_S.ACTIVE: "When its period ends, unless something is owed then."},
        Wish.RESUME: {_S.PAUSED: "At once; the rest of the running period is charged."},
        Wish.UNDO: {state: _OF_WHAT_IS_SCHEDULED for state in _S if state not in (_S.CANCELED, _S.EXPIRED)},
        Wish.SET_PAYMENT_METHOD: {
            _S.SCHEDULED: _NEXT_CHARGE,
            _S.TRIALING: _NEXT_CHARGE,
            _S.INCOMPLETE: "For its next invoice; the first is paid with `invoicePay`.",
            _S.ACTIVE: _NEXT_CHARGE,
            _S.PAST_DUE: "What is owed is charged at once.",
            _S.UNPAID: "What is owed is charged at once.",
            _S.PAUSED: _NEXT_CHARGE,
        },
    }
)
"""Wish → state → when it happens, and what it costs. What is not there is refused: SUBSCRIPTION_NOT_CHANGEABLE."""


def check_may(subscription: Subscription, wish: Wish) -> None:
    if subscription.state not in WISHES[wish]:
        raise SubscriptionNotChangeable(subscription.state)
