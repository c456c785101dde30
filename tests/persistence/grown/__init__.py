"""The sample app, one version later."""

from persistence.orm import App

GROWN = App("sample", "tests.persistence.grown.models", "tests.persistence.grown.migrations")
