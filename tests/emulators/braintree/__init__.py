"""A stand-in for Braintree's gateway, written from Braintree's documentation: a server of its own, made-up money.

`python -m tests.emulators.braintree --port 12112` serves it, and the official SDK talks to it when its environment
names it. It keeps what it is told (customers, cards, transactions, disputes), answers a request under one key once,
delivers signed notifications, and misbehaves when told to. Nothing of Paydesk's own code is used here, so an error in
the adapter cannot hide behind the same error on this side; how it misbehaves and delivers, it shares with its fellows
(tests/emulators/common).

The reference for parameters is the installed SDK (braintree 4.48): its signatures say which exist, and what its classes
read says what an answer holds. Behaviour comes from the page of developer.paypal.com/braintree that the module in
question names, and from the SDK's public integration tests; what none says is listed in doubts.md. Messages are worded
here: clients are to read codes.

    environment = braintree.Environment("emulator", "127.0.0.1", "12112", "http://localhost", False, None)
    gateway = braintree.BraintreeGateway(
        braintree.Configuration(environment, "emulated_merchant", "emulated_public_key", "emulated_private_key")
    )

It is one merchant of the sandbox, with merchant accounts in several currencies. What is valid at Braintree and means
nothing here is refused with the code `emulator_unsupported`, so that nobody relies on it; what no SDK would send, with
400.

There: customers and their addresses, client tokens and what pages ask with them, test nonces and those of a page
(/_control/nonces, with 3D Secure), cards in the vault under their own tokens, verification, issuers that ask for
authentication, rules of AVS and CVV; sales with the documented amounts, level 2 and 3 data, line items, somebody else's
3D Secure; holds, full and partial settlement, voids, refunds, reversals, settlement by the clock and by the testing
calls, request keys, the duplicate window; searches of transactions, customers, verifications, disputes and
subscriptions; disputes with texts and documents; plans, add-ons, discounts, and subscriptions with trials, proration,
debts and retries, charged by the clock; notifications of disputes, subscriptions and checks; faults.

Not there: other methods than cards; disbursements and their notifications; risk rules; credits without a sale, cloning,
adjusted and partial authorizations; the lists of expiring cards; industries; GraphQL.

    xmltext.py, parameters.py             what a request says, and whether it may
    server.py, credentials.py             how a request is taken, worked on and answered
    calls.py, routes.py, refusals.py      which calls there are, and how they say no
    account.py, things.py                 what the account holds
    instruments.py, responses.py          test cards and nonces, and what processors say
    customers.py, addresses.py, payment_methods.py, vaulting.py
                                          the vault
    cards.py, verifications.py            what cards have in common
    issuers.py, passed_thru.py, checks.py what issuers ask and answer
    client_tokens.py, client_api.py, nonces.py
                                          what a page needs, and what it gives
    merchant_accounts.py                  which currencies there are
    sales.py, paying.py, particulars.py   what a sale asks for
    authorizing.py, settling.py, refunds.py, transactions.py
                                          what becomes of it
    request_keys.py                       at most once
    recurring.py, plans.py, modifications.py
                                          what is subscribed to
    subscriptions.py, subscription_shapes.py
                                          subscriptions: made, changed, shown
    billing.py, retries.py                what they are charged
    descriptors.py, troubles.py           what statements say; several errors in one refusal
    searches.py, criteria.py              finding
    disputes.py                           disputes and their documents
    webhooks.py                           signing and delivery
    faults.py, faulty.py                  misbehaviour
    control.py, truth.py                  everything that only a test may do (/_control)
    app.py, serving.py                    all of it over HTTP
"""
