"""How Braintree says no.

https://developer.paypal.com/braintree/docs/reference/general/validation-errors/overview: 422 with an envelope of errors
that are nested as the parameters are. A decline is a 422, too, whose envelope holds the transaction (or the
verification) and no errors. A 404 has no body. Messages are worded here: clients are to read codes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.emulators.braintree.xmltext import Many, Symbol, Tree
from tests.emulators.common.refusals import Refusal

UNSUPPORTED = "emulator_unsupported"
"""The code of what is valid at Braintree and means nothing here, so that nobody relies on it."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One validation error; `where` is the way to the object that it is about: ("transaction", "credit_card")."""

    where: tuple[str, ...]
    attribute: str
    code: str
    message: str


class Refused(Refusal):
    """An answer other than 200 and 201, without a body or with an envelope."""

    def __init__(self, status: int, *troubles: Trouble, message: str | None = None, about: Tree | None = None) -> None:
        super().__init__(message or "\n".join(trouble.message for trouble in troubles) or str(status))
        self.status = status
        self.troubles = troubles
        self.about = about or {}
        """The transaction or verification that was declined."""

    @property
    def has_body(self) -> bool:
        return self.status == 422

    def envelope(self) -> Tree:
        return {"errors": _nested(self.troubles, 0), "message": str(self), **self.about}


def missing() -> Refused:
    return Refused(404)


def invalid(*where_attribute: str, code: str, message: str) -> Refused:
    """422 with one error: `invalid("transaction", "amount", code="81502", message=…)`."""
    *where, attribute = where_attribute
    return Refused(422, Trouble(tuple(where), attribute, code, message))


def declined(message: str, **about: Tree) -> Refused:
    """422 for what was tried and refused by somebody else: there is an object, and no error in the request."""
    return Refused(422, message=message, about=about)


def _nested(troubles: Sequence[Trouble], depth: int) -> Tree:
    here = [trouble for trouble in troubles if len(trouble.where) == depth]
    shown: Tree = {
        "errors": Many(
            "error",
            [
                {"attribute": Symbol(trouble.attribute), "code": trouble.code, "message": trouble.message}
                for trouble in here
            ],
        )
    }
    for name in dict.fromkeys(trouble.where[depth] for trouble in troubles if len(trouble.where) > depth):
        inside = [trouble for trouble in troubles if len(trouble.where) > depth and trouble.where[depth] == name]
        shown[name] = _nested(inside, depth + 1)
    return shown
