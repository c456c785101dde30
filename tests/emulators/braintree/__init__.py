"""A stand-in for Braintree's gateway, written from Braintree's documentation: a server of its own, with made-up money."""
