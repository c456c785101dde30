"""Stripe, on its official SDK.

StripeProvider        the port, and what it is put together from
wire.py               the SDK's client, and the HTTP under it
errands.py            one thing that is asked for: its deadline, its repetitions, its answer
verdicts.py           what is known when no object came back
charges.py, refunds.py, disputes.py, customers.py, methods.py, changes.py
                      the requests, a module for each kind of object
payments.py, cards.py, declines.py, amounts.py, reading.py
                      from Stripe's objects to the port's
searching.py          what an operation made, found in a list
webhooks.py           what Stripe tells by itself
capabilities.py       what is declared of it
checking.py           `paydesk check`
"""

from adapters.stripe.provider import StripeProvider

__all__ = ["StripeProvider"]
