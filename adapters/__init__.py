"""The world outside: what implements the domain's Protocols by talking to somebody else.

One folder or module for each: `fake` is the provider that ships with Paydesk. Adapters translate; no exception of a
library and no vocabulary of a provider crosses into the domain. They stand on `domain` alone.
"""
