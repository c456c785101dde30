"""The use cases: one module a noun, beside the entity of the same name one floor up.

A service checks who asks and what may happen, and writes everything that follows in one commit. Money moves in three
phases (commit the operation, ask the provider with no transaction open, commit the outcome); the third is
`settlement`, which direct answers, webhooks and the resolver share.
"""
