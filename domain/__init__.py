"""The story of the money: entities, rules, services, and what they ask of the world.

Plain Python. Nothing here knows of GraphQL, SQL, HTTP or a provider's SDK; the Protocols in `store`, `queries`,
`provider` and `clock` are what the other floors implement.
"""
