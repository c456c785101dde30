"""One call of the API, as it reaches the module that does it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.emulators.braintree.account import Account
from tests.emulators.braintree.credentials import Keys
from tests.emulators.braintree.refusals import Refused
from tests.emulators.braintree.xmltext import Tree


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a form."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """`body` is what came, `ids` what the path names, `query` what stands behind it."""

    account: Account
    keys: Keys
    body: Tree
    ids: Mapping[str, str]
    query: Mapping[str, str]
    address: str = ""
    """Where the client has reached us."""
    upload: Upload | None = None

    @property
    def id(self) -> str:
        return self.ids["id"]

    def asked(self, root: str) -> Tree:
        """What stands in the request's one element; nothing where the body is empty."""
        if not self.body:
            return {}
        if set(self.body) != {root}:
            raise Refused(400)
        asked: Any = self.body[root]
        if asked is None:
            return {}
        if not isinstance(asked, dict):
            raise Refused(400)
        return asked


@dataclass(frozen=True, slots=True)
class Answer:
    """One element, and its status; without an element there is no body, or JSON for a page."""

    name: str | None
    tree: Any = None
    status: int = 200


Work = Callable[[Call], Answer]
"""Does a call; Refused when it is not done, or not as wished."""
