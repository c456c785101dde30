from importlib import import_module

Migration = import_module("tests.persistence.sample.migrations.0001_initial").Migration
