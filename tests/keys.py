"""Server keys for tests that are about something else."""

from domain.api_keys import ApiKey
from domain.principals import Permission, operator
from domain.services.api_keys import ApiKeyService, CreateApiKey


async def make_key(api_keys: ApiKeyService, name: str, permissions: frozenset[Permission]) -> tuple[ApiKey, str]:
    """Made on the command line: the key and its secret."""
    issued = await api_keys.create(operator(), CreateApiKey(name=name, permissions=permissions))
    assert issued.secret is not None
    return issued.key, issued.secret
