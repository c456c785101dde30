"""Trusted documents: registered by whoever deploys the gateway, and asked for by their id.

They are read once, at the start, from what the compilers of client libraries write. Nothing is learnt while
the gateway runs ("automatic persisted queries"): a cache that anybody may fill is no list of what is trusted,
and Apollo's and urql's clients go on without it when they are told that it is not supported.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

SHA256 = "sha256:"
_HEXADECIMAL_SHA256 = re.compile(r"[0-9a-f]{64}")

DOCUMENT_FILES = (".graphql", ".gql")
LONGEST_ID = 256


class DocumentsUnusable(Exception):
    """What is wrong with the documents, a sentence for each."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


@dataclass(frozen=True, slots=True)
class TrustedDocument:
    text: str
    file: Path
    """Where it was read, for whoever has to mend it."""


@dataclass(frozen=True, slots=True)
class TrustedDocuments:
    """Documents by every id that they have: `sha256:` and the hash of the text, and the one in the file."""

    by_id: Mapping[str, TrustedDocument]

    @classmethod
    def read(cls, path: Path) -> Self:
        """A file, or every file of a folder. Raises DocumentsUnusable.

        - `.graphql` and `.gql`: one document, whose id is the hash of the file.
        - `.json`: ids and texts, as Relay's compiler and the client preset of GraphQL Code Generator write them, or
          Apollo's manifest of persisted queries.
        """
        by_id: dict[str, TrustedDocument] = {}
        wrong: list[str] = []
        for file in _files(path):
            try:
                for id_, text in _entries(file):
                    wrong += _register(by_id, id_, TrustedDocument(text, file))
            except (OSError, ValueError) as error:  # a UnicodeDecodeError and a JSONDecodeError are ValueErrors
                wrong.append(f"{file} cannot be read: {error}.")
        if not by_id and not wrong:
            wrong.append(f"There are no documents in {path}.")
        if wrong:
            raise DocumentsUnusable(wrong)
        return cls(by_id)

    def __len__(self) -> int:
        return len({document.text for document in self.by_id.values()})


def sha256_id(text: str) -> str:
    return SHA256 + sha256(text.encode()).hexdigest()


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.suffix in (*DOCUMENT_FILES, ".json"))
    if path.is_file():
        return [path]
    raise DocumentsUnusable([f"{path} is not there."])


def _entries(file: Path) -> Iterator[tuple[str | None, str]]:
    """Id and text; None where the hash is the only id."""
    # Not `read_text`, which turns CRLF into LF: the hash is that of the bytes.
    content = file.read_bytes().decode("utf-8")
    if file.suffix in DOCUMENT_FILES:
        yield None, content
        return
    written = json.loads(content)
    if isinstance(written, dict) and written.get("format") == "apollo-persisted-query-manifest":
        yield from ((entry["id"], entry["body"]) for entry in _listed(written.get("operations")))
    elif isinstance(written, dict) and all(isinstance(text, str) for text in written.values()):
        yield from written.items()
    else:
        raise ValueError("it is neither an object of ids and texts nor Apollo's manifest of persisted queries")


def _listed(operations: object) -> list[dict[str, Any]]:
    if isinstance(operations, list) and all(
        isinstance(entry, dict) and isinstance(entry.get("id"), str) and isinstance(entry.get("body"), str)
        for entry in operations
    ):
        return operations
    raise ValueError("its operations are not a list of objects with an id and a body")


def _register(by_id: dict[str, TrustedDocument], id_: str | None, document: TrustedDocument) -> list[str]:
    file, own = document.file, sha256_id(document.text)
    by_id.setdefault(own, document)
    if id_ is None:
        return []
    prefix, colon, _ = id_.partition(":")
    if len(id_) > LONGEST_ID or not id_.isprintable():
        return [f"{file} has an id that is longer than {LONGEST_ID} characters or cannot be printed."]
    if colon and id_ != own and f"{prefix}:" == SHA256:
        return [f"{file}: {id_} is not the hash of its text, which is {own}."]
    if colon and f"{prefix}:" != SHA256 and not prefix.startswith("x-"):
        return [f"{file}: the prefix of {id_} is neither sha256 nor begins with x-."]
    if _HEXADECIMAL_SHA256.fullmatch(id_) and SHA256 + id_ != own:
        return [f"{file}: {id_} is not the hash of its text, which is {own}."]
    if by_id.setdefault(id_, document).text != document.text:
        return [f"{file}: {id_} is the id of two documents."]
    return []
