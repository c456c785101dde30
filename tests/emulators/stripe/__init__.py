"""A stand-in for Stripe's API, written from Stripe's documentation: a server of its own, with made-up money.

`python -m tests.emulators.stripe --port 12111` serves it, and the official SDK talks to it when its `base_addresses`
name it. It keeps what it is told (customers, cards, payments, refunds, disputes), stores the answer to every key,
delivers signed webhooks, and misbehaves when told to. Nothing of Paydesk's own code is used here, so an error in the
adapter cannot hide behind the same error on this side; how it misbehaves and delivers, it shares with its fellows
(tests/emulators/common).

The reference for parameters and answers is the installed SDK (stripe 16, API version 2026-10-28.endive): its TypedDicts
say which parameters exist, its resource classes what an answer holds. Behaviour comes from the page of docs.stripe.com
that the module in question names; what none says is listed in doubts.md. Messages are worded here: clients are to read
codes.

    client = stripe.StripeClient(
        "sk_test_emulator",
        base_addresses={"api": "http://127.0.0.1:12111"},
        http_client=stripe.HTTPXClient(),
    )

It is one account in test mode. Not there: other methods than cards, Checkout, Billing, Connect, search, files, rates of
exchange, what a Dashboard sets (Radar's rules, whole statement descriptors). Parameters that are valid at Stripe and
mean nothing here are refused with the code `emulator_unsupported`, so that nobody relies on them.

    forms.py, parameters.py        what a request says, and whether it may
    server.py, credentials.py      how a request is taken, worked on and answered
    routes.py                      which calls there are
    account.py                     what the account holds
    customers.py … events.py       one module for each kind of object
    dashboard.py                   what is set up in the Dashboard
    intents.py                     what payments and setups have in common
    cards.py, declines.py          the test cards, and how issuers say no
    authentication.py              3D Secure, and the page that stands in for the bank's
    webhooks.py                    signing and delivery
    idempotency.py                 one answer for a key
    faults.py, faulty.py           misbehaviour
    control.py, truth.py           everything that only a test may do (/_control)
    jsontext.py                    how JSON is written
    app.py, serving.py             all of it over HTTP
"""
