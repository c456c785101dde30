"""Braintree, on its official SDK.

BraintreeProvider     the port, and what it is put together from
wire.py, workers.py, xmltext.py
                      the SDK's gateway, the HTTP under it, the threads it runs in, and how its answers are read
errands.py            one thing that is asked for: its deadline, its repetitions, its answer
verdicts.py           what is known when no object came back
request_keys.py       at most once, where the account may
charges.py, refunds.py, disputes.py, customers.py, methods.py, changes.py
                      the requests, a module for each kind of object
payments.py, cards.py, declines.py, amounts.py, reading.py, tokens.py
                      from Braintree's objects to the port's
nonces.py, confirmations.py
                      what card forms are opened with and give, and how customers are confirmed
searching.py          what an operation made, found by its order id
webhooks.py           what Braintree tells by itself
capabilities.py       what is declared of it
checking.py           `paydesk check`
"""

from adapters.braintree.provider import BraintreeProvider

__all__ = ["BraintreeProvider"]
