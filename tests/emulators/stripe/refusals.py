"""What Stripe says no with: https://docs.stripe.com/api/errors."""

from typing import Any

from tests.emulators.common.refusals import Refusal

Json = dict[str, Any]


class Refused(Refusal):
    """A request that is not done. `details` are further members of the error, such as `decline_code`."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: dict[str, str] | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}
        self._error: Json = {"code": code, "message": message, "param": param, "type": type, **details}

    def about(self, **details: Any) -> "Refused":
        """The same refusal, which says more in its answer than it does in the object."""
        more = {name: value for name, value in self._error.items() if name != "message"} | details
        return Refused(self.status, str(self), headers=self.headers, **more)

    def error(self) -> Json:
        """The error as it stands in an answer or an object: members that say nothing are left out."""
        doc_url = self.code and f"https://docs.stripe.com/error-codes/{self.code.replace('_', '-')}"
        return {name: value for name, value in {**self._error, "doc_url": doc_url}.items() if value is not None}


def invalid(message: str, *, param: str | None = None, code: str | None = None, **details: Any) -> Refused:
    return Refused(400, message, code=code, param=param, **details)


def missing(what: str, id: str, *, param: str, status: int = 400) -> Refused:
    """404 for the object of the URL, 400 for one that a parameter names."""
    return Refused(status, f"No such {what}: '{id}'", code="resource_missing", param=param)


def unexpected_state(message: str, **details: Any) -> Refused:
    """An intent that is in no state for this; the error carries the intent."""
    name = "setup_intent" if "setup_intent" in details else "payment_intent"
    return Refused(400, message, code=f"{name}_unexpected_state", **details)
