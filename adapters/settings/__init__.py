"""What an operator decides: read once and typed. Secrets have no default and never print."""

from adapters.settings.braintree import BraintreeSettings
from adapters.settings.declared import PROVIDERS, Account
from adapters.settings.fake import FakeSettings
from adapters.settings.gateway import DocumentsOnly, Settings
from adapters.settings.own import PLAIN, OwnSettings
from adapters.settings.reading import load_settings, setting_names, variable_of
from adapters.settings.stripe import StripeSettings
from adapters.settings.words import Environment, SettingsWrong, plain

__all__ = [
    "PLAIN",
    "PROVIDERS",
    "Account",
    "BraintreeSettings",
    "DocumentsOnly",
    "Environment",
    "FakeSettings",
    "OwnSettings",
    "Settings",
    "SettingsWrong",
    "StripeSettings",
    "load_settings",
    "plain",
    "setting_names",
    "variable_of",
]
