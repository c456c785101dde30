"""The provider port: what the domain asks of a payment provider, and nothing more.

A provider keeps cards and moves money. Every request that moves money carries the id of its operation, which is also
the key towards the provider, so the same request sent twice acts once. Every answer and every failure becomes an
`Outcome`; no SDK exception crosses this line. That a key was used for another request is UNKNOWN: something was sent
under it.
"""

from domain.provider.changes import (
    ChangesPage,
    ListedCharge,
    ListedRefund,
)
from domain.provider.disputes import (
    AcceptRequest,
    DisputeReason,
    DisputeResult,
    DisputeState,
    EvidenceKind,
    EvidenceRequest,
)
from domain.provider.port import (
    PaymentProvider,
)
from domain.provider.requests import (
    AttachRequest,
    CaptureRequest,
    ChargeRequest,
    ContinueRequest,
    CustomerRequest,
    LookUp,
    RefundRequest,
    VoidRequest,
)
from domain.provider.results import (
    ChargeResult,
    ClientSession,
    CustomerResult,
    PaymentMethodResult,
    RefundResult,
)
from domain.provider.webhooks import (
    WebhookEvent,
    WebhookRejected,
    WebhookSubject,
)
from domain.provider.words import (
    Capability,
    CaptureMode,
    Card,
    CardBrand,
    ExecutedAs,
    Initiator,
    NextAction,
    Outcome,
    ProviderAction,
    RedirectAction,
    Refusal,
    SdkAction,
    Support,
)

__all__ = [
    "AcceptRequest",
    "AttachRequest",
    "Capability",
    "CaptureMode",
    "CaptureRequest",
    "Card",
    "CardBrand",
    "ChangesPage",
    "ChargeRequest",
    "ChargeResult",
    "ClientSession",
    "ContinueRequest",
    "CustomerRequest",
    "CustomerResult",
    "DisputeReason",
    "DisputeResult",
    "DisputeState",
    "EvidenceKind",
    "EvidenceRequest",
    "ExecutedAs",
    "Initiator",
    "ListedCharge",
    "ListedRefund",
    "LookUp",
    "NextAction",
    "Outcome",
    "PaymentMethodResult",
    "PaymentProvider",
    "ProviderAction",
    "RedirectAction",
    "RefundRequest",
    "RefundResult",
    "Refusal",
    "SdkAction",
    "Support",
    "VoidRequest",
    "WebhookEvent",
    "WebhookRejected",
    "WebhookSubject",
]
