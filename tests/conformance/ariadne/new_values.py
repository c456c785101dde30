"""A plugin of ariadne-codegen: enums that do not break when the gateway learns a new value.

A generated enum refuses what it does not know, and the whole answer with it. Our lists of codes and kinds grow.
"""

import ast

from ariadne_codegen import Plugin
from graphql import GraphQLEnumType

METHOD = '''
@classmethod
def _missing_(cls, value: object) -> Self:
    """What this program does not know yet keeps its value."""
    stranger = str.__new__(cls, value)
    stranger._name_ = stranger._value_ = str(value)
    return stranger
'''


class NewValues(Plugin):  # type: ignore[misc]  # installed by `make conformance` only
    def generate_enum(self, class_def: ast.ClassDef, enum_type: GraphQLEnumType) -> ast.ClassDef:
        class_def.body += ast.parse(METHOD).body
        return class_def

    def generate_enums_module(self, module: ast.Module) -> ast.Module:
        module.body[:0] = ast.parse("from typing import Self").body
        return module
