"""Documents by their id, and principals who may send no others."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import md5, sha1, sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import HTTPConnection

from schema.http.trusted import DocumentsUnusable, TrustedDocuments, sha256_id
from schema.limits import Limits
from schema.view import GraphQLView
from tests.schema.conftest import LEGACY, MODERN, client_of, codes, message, toy_context, toy_schema
from tests.schema.toys import launched

DOUBLE = "query Double($n: Int!) { double(n: $n) }\n"
LAUNCH = 'mutation Launch { launch(name: "Ada") }'
BOTH = "query One { hello } query Two { double }"

# The example of the appendix "Persisted Documents" of GraphQL over HTTP, and the id that it gives.
OF_THE_TEXT = (
    "query ($id: ID!) {\n  user(id: $id) {\n    name\n  }\n}",
    "sha256:7dba4bd717b41f10434822356a93c32b1fb4907b983e854300ad839f84cdcd6e",
)

Write = Callable[[str, object], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A file of the folder of documents; whatever is no text is written as JSON."""

    def write(name: str, content: object) -> Path:
        file = tmp_path / name
        file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8", newline="")
        return file

    return write


@asynccontextmanager
async def serving(path: Path, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    launched.clear()
    view = GraphQLView(toy_schema(), context=toy_context, trusted=TrustedDocuments.read(path), **options)
    async with client_of(view) as client:
        yield client


async def post(client: httpx.AsyncClient, accept: str = MODERN, **body: Any) -> httpx.Response:
    return await client.post("/graphql", json=body, headers={"accept": accept})


class TestFiles:
    def test_an_id_is_the_hash_that_the_text_of_the_specification_gives(self, write: Write) -> None:
        text, id_ = OF_THE_TEXT
        assert sha256_id(text) == id_
        assert TrustedDocuments.read(write("user.graphql", text)).by_id.keys() == {id_}

    @pytest.mark.parametrize("text", ["{ hello }", "{ hello }\n", "{ hello }\r\n", "# Grüße\n{ hello }"])
    def test_the_id_of_a_file_is_the_hash_of_its_bytes(self, write: Write, text: str) -> None:
        file = write("hello.graphql", text)
        assert set(TrustedDocuments.read(file).by_id) == {"sha256:" + sha256(file.read_bytes()).hexdigest()}

    @pytest.mark.parametrize(
        ("written_by", "manifest"),
        [
            ("Relay's compiler", {md5(DOUBLE.encode(), usedforsecurity=False).hexdigest(): DOUBLE}),
            ("GraphQL Code Generator", {sha1(DOUBLE.encode(), usedforsecurity=False).hexdigest(): DOUBLE}),
            ("either, with SHA-256", {sha256(DOUBLE.encode()).hexdigest(): DOUBLE}),
            ("either, with prefixes", {sha256_id(DOUBLE): DOUBLE}),
            (
                "Apollo's manifest generator",
                {
                    "format": "apollo-persisted-query-manifest",
                    "version": 1,
                    "operations": [{"id": "double-1", "name": "Double", "type": "query", "body": DOUBLE}],
                },
            ),
        ],
    )
    async def test_what_the_compilers_of_clients_write_is_read(
        self, write: Write, written_by: str, manifest: dict[str, Any]
    ) -> None:
        file = write("persisted.json", manifest)
        known = TrustedDocuments.read(file)
        assert len(known) == 1
        async with serving(file) as client:
            for id_ in known.by_id:
                response = await post(client, documentId=id_, variables={"n": 21})
                assert response.json()["data"] == {"double": 42}, (written_by, id_)
        assert sha256_id(DOUBLE) in known.by_id

    def test_all_files_of_a_folder_are_read(self, write: Write, tmp_path: Path) -> None:
        write("double.graphql", DOUBLE)
        write("launch.gql", LAUNCH)
        write("relay.json", {"a1": BOTH, "a2": DOUBLE})
        write("README.md", "Not a document.")
        known = TrustedDocuments.read(tmp_path)
        assert set(known.by_id) == {sha256_id(DOUBLE), sha256_id(LAUNCH), sha256_id(BOTH), "a1", "a2"}
        assert len(known) == 3

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            ({"sha256:" + "0" * 64: DOUBLE}, "is not the hash of its text, which is sha256:"),
            ({"0" * 64: DOUBLE}, "is not the hash of its text, which is sha256:"),
            ({"md5:" + "0" * 32: DOUBLE}, "is neither sha256 nor begins with x-"),
            ({"x" * 257: DOUBLE}, "longer than 256 characters"),
            ({"a\n": DOUBLE}, "cannot be printed"),
            ({"a": 1}, "neither an object of ids and texts"),
            ([DOUBLE], "neither an object of ids and texts"),
            ({"format": "apollo-persisted-query-manifest", "operations": {}}, "its operations are not a list"),
            ({"format": "apollo-persisted-query-manifest", "operations": [{"id": 1}]}, "its operations are not a list"),
            ("{", "cannot be read: "),
            ({}, "There are no documents in "),
        ],
    )
    def test_a_file_that_cannot_be_trusted_is_told_in_a_sentence(
        self, write: Write, content: object, sentence: str
    ) -> None:
        file = write("persisted.json", content)
        with pytest.raises(DocumentsUnusable) as unusable:
            TrustedDocuments.read(file)
        (told,) = unusable.value.sentences
        assert sentence in told
        assert str(file) in told

    def test_an_id_of_its_own_kind_begins_with_x(self, write: Write) -> None:
        assert "x-shop:7" in TrustedDocuments.read(write("persisted.json", {"x-shop:7": DOUBLE})).by_id

    def test_an_id_means_one_document_in_all_files(self, write: Write, tmp_path: Path) -> None:
        write("a.json", {"one": DOUBLE})
        write("b.json", {"one": DOUBLE})
        assert len(TrustedDocuments.read(tmp_path)) == 1
        write("c.json", {"one": LAUNCH})
        with pytest.raises(DocumentsUnusable, match="one is the id of two documents"):
            TrustedDocuments.read(tmp_path)

    def test_a_path_that_leads_nowhere_and_bytes_that_are_no_text_are_told(self, tmp_path: Path) -> None:
        with pytest.raises(DocumentsUnusable, match="is not there"):
            TrustedDocuments.read(tmp_path / "nothing")
        (tmp_path / "latin.graphql").write_bytes(b"# Gr\xfc\xdfe\n{ hello }")
        with pytest.raises(DocumentsUnusable, match=r"latin\.graphql cannot be read"):
            TrustedDocuments.read(tmp_path)

    def test_every_document_that_the_schema_does_not_take_is_named(self, write: Write) -> None:
        documents = {"good": DOUBLE, "old": "{ gone }", "broken": "{", "large": "{ hello }" + " #\n" * 3_000}
        file = write("persisted.json", documents)
        with pytest.raises(DocumentsUnusable) as unusable:
            GraphQLView(toy_schema(), context=toy_context, trusted=TrustedDocuments.read(file), limits=Limits(tokens=9))
        told = unusable.value.sentences
        assert [sentence.startswith(f"{file}: ") for sentence in told] == [True] * 4
        assert "Cannot query field 'gone' on type 'Query'. ({ gone })" in told[1]
        assert "Syntax Error" in told[2]
        assert all(len(sentence) < 500 for sentence in told)


class TestAsking:
    @pytest.fixture
    async def client(self, write: Write) -> AsyncIterator[httpx.AsyncClient]:
        async with serving(write("persisted.json", {"double": DOUBLE, "launch": LAUNCH, "both": BOTH})) as client:
            yield client

    @pytest.mark.parametrize("accept", [MODERN, LEGACY])
    async def test_a_document_runs_by_its_id(self, client: httpx.AsyncClient, accept: str) -> None:
        for id_ in ("double", sha256_id(DOUBLE)):
            response = await post(client, accept, documentId=id_, variables={"n": 4})
            assert (response.status_code, response.json()["data"]) == (200, {"double": 8})
            query = {"documentId": id_, "variables": '{"n":4}'}
            response = await client.get("/graphql", params=query, headers={"accept": accept})
            assert (response.status_code, response.json()["data"]) == (200, {"double": 8})

    async def test_apollos_and_urqls_way_to_name_a_document_is_understood(self, client: httpx.AsyncClient) -> None:
        persisted = {"persistedQuery": {"version": 1, "sha256Hash": sha256_id(DOUBLE).removeprefix("sha256:")}}
        response = await post(client, extensions=persisted, variables={"n": 4})
        assert response.json()["data"] == {"double": 8}
        query = {"extensions": json.dumps(persisted), "variables": '{"n":4}'}
        assert (await client.get("/graphql", params=query)).json()["data"] == {"double": 8}

    async def test_of_two_operations_the_named_one_runs(self, client: httpx.AsyncClient) -> None:
        assert (await post(client, documentId="both", operationName="Two")).json()["data"] == {"double": 2}
        assert codes(await post(client, documentId="both")) == ["OPERATION_RESOLUTION_FAILURE"]

    async def test_a_mutation_runs_by_its_id_with_post_alone(self, client: httpx.AsyncClient) -> None:
        response = await client.get("/graphql", params={"documentId": "launch"}, headers={"accept": MODERN})
        assert (response.status_code, response.headers["allow"]) == (405, "POST")
        assert launched == []
        assert (await post(client, documentId="launch")).json()["data"] == {"launch": "Ada"}

    @pytest.mark.parametrize("id_", ["", "nothing", sha256_id("{ hello }"), "sha256:" + "0" * 64, "x" * 10_000])
    async def test_an_unknown_id_gets_404_and_nothing_of_it_back(self, client: httpx.AsyncClient, id_: str) -> None:
        response = await post(client, documentId=id_)
        assert response.status_code == 404
        assert set(response.json()) == {"errors"}
        assert codes(response) == ["PERSISTED_DOCUMENT_NOT_FOUND"]
        assert message(response) == "No document is registered under this id."
        assert (await post(client, LEGACY, documentId=id_)).status_code == 200

    async def test_automatic_persisted_queries_are_told_to_give_up(self, client: httpx.AsyncClient) -> None:
        text = "{ hello }"
        persisted = {"persistedQuery": {"version": 1, "sha256Hash": sha256_id(text).removeprefix("sha256:")}}
        for _ in range(2):
            response = await post(client, extensions=persisted)
            assert response.status_code == 404
            assert (message(response), *codes(response)) == (
                "PersistedQueryNotSupported",
                "PERSISTED_QUERY_NOT_SUPPORTED",
            )
            # A text that comes with its hash runs, and is not learnt.
            response = await post(client, query=text, extensions=persisted)
            assert response.json()["data"] == {"hello": "hello world"}

    @pytest.mark.parametrize(
        "body",
        [
            {"query": DOUBLE, "documentId": "double", "variables": {"n": 1}},
            {"query": "", "documentId": "double", "variables": {"n": 1}},
            {"documentId": 7},
            {"documentId": ["double"]},
            {"documentId": None},
            {"extensions": {"persistedQuery": {"sha256Hash": 7}}},
            {"extensions": {"persistedQuery": "double"}},
        ],
    )
    async def test_what_names_no_document_or_two_gets_422(
        self, client: httpx.AsyncClient, body: dict[str, Any]
    ) -> None:
        response = await post(client, **body)
        assert response.status_code == 422
        assert codes(response) == ["BAD_REQUEST"]

    async def test_a_gateway_without_documents_knows_no_id(self) -> None:
        async with client_of(GraphQLView(toy_schema(), context=toy_context)) as client:
            response = await post(client, documentId=sha256_id(DOUBLE))
        assert (response.status_code, codes(response)) == (404, ["PERSISTED_DOCUMENT_NOT_FOUND"])

    async def test_the_limits_hold_for_trusted_documents_too(self, write: Write) -> None:
        boats = "query ($n: Int!) { boats(first: $n) { nodes { sails { area } } } }"
        async with serving(write("boats.graphql", boats), limits=Limits(cost=100)) as client:
            assert (await post(client, documentId=sha256_id(boats), variables={"n": 1})).status_code == 200
            response = await post(client, documentId=sha256_id(boats), variables={"n": 50})
            assert codes(response) == ["QUERY_TOO_COSTLY"]

    async def test_nobody_crowds_a_trusted_document_out(self, write: Write) -> None:
        view = GraphQLView(
            toy_schema(), context=toy_context, trusted=TrustedDocuments.read(write("double.graphql", DOUBLE))
        )
        kept = view._documents._trusted[sha256_id(DOUBLE)]
        for number in range(60):
            view._documents.prepare(f"query Q{number} {{ hello }}" + " " * 10_000)
        assert view._documents._trusted[sha256_id(DOUBLE)] is kept


class TestTrustedOnly:
    """Whoever has the key `good` may send any document; others the trusted ones alone."""

    @pytest.fixture
    async def client(self, write: Write) -> AsyncIterator[httpx.AsyncClient]:
        async def context(request: HTTPConnection) -> dict[str, bool]:
            return {"known": request.headers.get("authorization") == "Bearer good"}

        file = write("double.graphql", DOUBLE)
        view = GraphQLView(
            toy_schema(),
            context=context,
            trusted=TrustedDocuments.read(file),
            needs_trusted=lambda context: not context["known"],
        )
        async with client_of(view) as client:
            yield client

    @pytest.mark.parametrize("text", ["{ hello }", DOUBLE.strip(), LAUNCH, "{ __schema { types { name } } }", "{", ""])
    async def test_another_text_gets_403_before_it_is_read(self, client: httpx.AsyncClient, text: str) -> None:
        response = await post(client, query=text, variables={"n": 1})
        assert (response.status_code, codes(response)) == (403, ["PERSISTED_DOCUMENT_REQUIRED"])
        assert (await post(client, LEGACY, query=text)).status_code == 200
        assert launched == []

    async def test_a_trusted_document_runs_by_id_and_as_the_very_text(self, client: httpx.AsyncClient) -> None:
        assert (await post(client, documentId=sha256_id(DOUBLE), variables={"n": 2})).json()["data"] == {"double": 4}
        assert (await post(client, query=DOUBLE, variables={"n": 2})).json()["data"] == {"double": 4}

    async def test_others_send_what_they_like(self, client: httpx.AsyncClient) -> None:
        client.headers["authorization"] = "Bearer good"
        assert (await post(client, query="{ hello }")).json()["data"] == {"hello": "hello world"}
