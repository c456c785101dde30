"""A small app of its own, so that the ways of the database are tested apart from Paydesk's tables."""

from persistence.orm import App

SAMPLE = App("sample", "tests.persistence.sample.models", "tests.persistence.sample.migrations")
