"""Parsed, measured and validated documents, kept for the next request that sends the same text.

Parsing and validation are the larger half of a small request, and clients send the same few documents
again and again with other variables. What is kept is bounded by characters and not only by number: the
tree of a document takes a hundred times the memory of its text and more. Trusted documents are kept for
good, beside the others, so that nobody can crowd them out.
"""

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    parse,
    specified_rules,
    validate,
)
from graphql.validation import ASTValidationRule, NoSchemaIntrospectionCustomRule
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule

from schema.http.aside import Aside
from schema.http.body import GraphQLRequest
from schema.http.clients import Client
from schema.http.refusals import Refusal, refuse_document
from schema.http.trusted import DocumentsUnusable, TrustedDocuments, sha256_id
from schema.limits import LimitExceeded, Limits, check_document
from schema.masking import ExposedError, format_error

# 1,000 is more than the documents of all clients of one deployment. A tree takes about 100 bytes for each
# character of an ordinary document and 280 for the densest one, so this is 40 MB, or 110 at worst.
MOST_DOCUMENTS = 1_000
MOST_CHARACTERS = 400_000

# About 300 tokens, read and validated in some 10 ms; what is longer is read beside the event loop.
LONGEST_READ_AT_ONCE = 1_000

# How graphql-core ends the message when one of the limits that it was given stops the parser.
_PARSER_LIMITS = {
    "tokens. Parsing aborted.": "TOO_MANY_TOKENS",
    "comments. Parsing aborted.": "TOO_MANY_TOKENS",
    "Document is nested too deeply. Parsing aborted.": "QUERY_TOO_DEEP",
}


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A document that may be executed."""

    tree: DocumentNode
    operations: tuple[OperationDefinitionNode, ...]

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The one that is asked for; the name may be left out if there is one only."""
        if name is not None:
            for operation in self.operations:
                if operation.name and operation.name.value == name:
                    return operation
            raise unresolved("The document has no operation of this name.")
        if not self.operations:
            raise unresolved("The document has no operation.")
        if len(self.operations) > 1:
            raise unresolved("The document has several operations; say which with “operationName”.")
        return self.operations[0]


def unresolved(message: str) -> Exception:
    error = ExposedError(message, code="OPERATION_RESOLUTION_FAILURE")
    return refuse_document([format_error(None, error)])


# Apollo's and urql's clients know this message and this code: they send texts from then on, and do not ask again.
_PERSISTED_QUERIES_OFF = ExposedError("PersistedQueryNotSupported", code="PERSISTED_QUERY_NOT_SUPPORTED")


class Documents:
    """Texts and ids to documents, for one schema. Raises DocumentsUnusable for trusted ones that cannot be executed."""

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits,
        *,
        introspection: bool,
        suggestions: bool,
        trusted: TrustedDocuments | None = None,
        aside: Aside | None = None,
    ) -> None:
        self._schema = schema
        self._aside = aside or Aside()
        self._limits = limits
        self._suggestions = suggestions
        self._rules = rules_for(schema, introspection=introspection)
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._characters = 0
        self._trusted = self._read_trusted(trusted) if trusted else {}

    async def wanted(self, request: GraphQLRequest, *, trusted_only: bool, client: Client) -> Document:
        """The document of a request. With `trusted_only`, a text has to be that of a trusted document.

        What is long to read waits for a turn of its client, and is refused with 503 when none comes.
        """
        if request.document_id is not None:
            return self._by_id(request.document_id, request)
        text = request.query or ""
        if trusted_only:
            if document := self._trusted.get(sha256_id(text)):
                return document
            message = "Only documents that were registered with this deployment are served here."
            error = ExposedError(message, code="PERSISTED_DOCUMENT_REQUIRED")
            raise refuse_document([format_error(None, error)], status=403)
        if text in self._kept or len(text) <= LONGEST_READ_AT_ONCE:
            return self.prepare(text)
        document = await self._aside.do(partial(self._read, text), client=client)
        self._keep(text, document)
        return document

    def _by_id(self, document_id: str, request: GraphQLRequest) -> Document:
        if document := self._trusted.get(document_id):
            return document
        error = ExposedError("No document is registered under this id.", code="PERSISTED_DOCUMENT_NOT_FOUND")
        if "persistedQuery" in request.extensions:
            error = _PERSISTED_QUERIES_OFF
        raise refuse_document([format_error(None, error)], status=404)

    def _read_trusted(self, trusted: TrustedDocuments) -> dict[str, Document]:
        """Each text once, however many ids it has."""
        by_text: dict[str, Document] = {}
        wrong: list[str] = []
        for text, file in {document.text: document.file for document in trusted.by_id.values()}.items():
            try:
                by_text[text] = self._read(text)
            except Refusal as refusal:
                wrong += [f"{file}: {error['message']} ({_beginning(text)})" for error in refusal.errors]
        if wrong:
            raise DocumentsUnusable(wrong)
        return {id_: by_text[document.text] for id_, document in trusted.by_id.items()}

    def prepare(self, text: str) -> Document:
        """Raises a `Refusal` with every error that was found, up to the limit of errors."""
        if document := self._kept.get(text):
            self._kept.move_to_end(text)
            return document
        document = self._read(text)
        self._keep(text, document)
        return document

    def _read(self, text: str) -> Document:
        tree = self._parse(text)
        try:
            check_document(tree, self._limits)
        except ExposedError as error:
            raise refuse_document([format_error(None, error)]) from None
        self._validate(tree)
        operations = tuple(node for node in tree.definitions if isinstance(node, OperationDefinitionNode))
        return Document(tree, operations)

    def _parse(self, text: str) -> DocumentNode:
        limit = self._limits.tokens
        try:
            return parse(text, max_lexical_tokens=limit, max_comments=limit)
        except GraphQLError as error:
            for ending, code in _PARSER_LIMITS.items():
                if error.message.endswith(ending):
                    exceeded = LimitExceeded(error.message, code=code, limit=limit)
                    raise refuse_document([format_error(error, exceeded)]) from None
            shown = ExposedError(error.message, code="GRAPHQL_PARSE_FAILED")
            raise refuse_document([format_error(error, shown)], status=400) from None

    def _validate(self, tree: DocumentNode) -> None:
        # The one more that graphql-core adds says that there were more.
        most = self._limits.errors - 1
        hide = not self._suggestions
        errors = validate(self._schema, tree, self._rules, max_errors=most, hide_suggestions=hide)
        if errors:
            code = "GRAPHQL_VALIDATION_FAILED"
            raise refuse_document([format_error(e, ExposedError(e.message, code=code)) for e in errors])

    def _keep(self, text: str, document: Document) -> None:
        if text in self._kept:
            return  # two asked for it at the same moment
        self._kept[text] = document
        self._characters += len(text)
        while len(self._kept) > MOST_DOCUMENTS or self._characters > MOST_CHARACTERS:
            oldest, _ = self._kept.popitem(last=False)
            self._characters -= len(oldest)


def _beginning(text: str) -> str:
    """What a document begins with, on one line, for people to find it in a file of many."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:60]} …"


def rules_for(schema: GraphQLSchema, *, introspection: bool) -> tuple[type[ASTValidationRule], ...]:
    """GraphQL's own rules, and Strawberry's where it has types of its own.

    Strawberry's rule for `@oneOf` inputs raises KeyError on an undefined variable, so its types are marked
    for graphql-core's rule instead, which covers literals and variables alike.
    """
    for type_ in schema.type_map.values():
        definition = type_.extensions.get("strawberry-definition")
        if isinstance(type_, GraphQLInputObjectType) and getattr(definition, "is_one_of", False):
            type_.is_one_of = True
    rules = (*specified_rules, MaybeNullValidationRule)
    return rules if introspection else (*rules, NoSchemaIntrospectionCustomRule)
