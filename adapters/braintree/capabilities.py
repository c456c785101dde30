"""What Braintree can do."""

from domain.provider import Capability, ProviderAction, Support

_NOTES: dict[ProviderAction, str] = {
    ProviderAction.CLIENT_SESSION: "A client token, for Drop-in, Hosted Fields and the mobile SDKs.",
    ProviderAction.ATTACH_PAYMENT_METHOD: "Cards, those of Apple Pay and Google Pay too; verified with the bank.",
    ProviderAction.CHARGE: "With cards, those of Apple Pay and Google Pay among them.",
    ProviderAction.LIST_CHANGES: "By searches, one for each time that a transaction has; what is new may come later.",
    ProviderAction.WEBHOOKS: "About disputes; what becomes of a card's payment is answered, or looked for.",
    ProviderAction.SUBMIT_EVIDENCE: "Texts; files are for the Control Panel.",
}
_EMULATED: dict[ProviderAction, str] = {
    ProviderAction.CUSTOMER_ACTION: "Braintree confirms customers before a sale. One that is refused for want of it is "
    "answered with a client token and a nonce, and made again with the nonce that the SDK returns.",
    ProviderAction.REFUND: "What has not begun to settle is voided.",
    ProviderAction.PARTIAL_REFUND: "Waits until the sale begins to settle, within a day.",
}

CAPABILITIES = tuple(
    Capability(action, Support.EMULATED, _EMULATED[action])
    if action in _EMULATED
    else Capability(action, Support.NATIVE, _NOTES.get(action, ""))
    for action in ProviderAction
)

LOOK_UP_LAG_SECONDS = 86_400.0
"""Braintree says that a search is behind, and not how far: nothing is taken for undone on the same day."""
