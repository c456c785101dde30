"""The index of the catalogue, written in the commit that writes the product.

`product_search` has a row for each product: the words of its name and of its description, as `domain.search` reads
them, and the fingerprint of its name. A full-text index hangs on it, fed with these words as they are: FTS5 by
triggers, the tsvector as a generated column, in which a word of the name also stands behind `=` and the fingerprint
behind `#`. Its `number` rises with every product that is added; what fits equally well goes by it, the newest first.

`product_spellings` has every word that a product ever had, under each of its trigrams. A word stays when its last
product loses it: looking for it then finds nothing, and counting products would have every write wait for the row of a
common word.

Whoever changes how words are read has to add a migration with `IndexAnew`.
"""

from collections.abc import Iterable
from typing import Any, Final, cast

from tortoise.migrations.operations import RunPython
from tortoise.migrations.schema_editor import BaseSchemaEditor

from domain.products import Product
from domain.search import may_be_meant, title_of, trigrams, words_of
from persistence.columns import Columns, Row
from persistence.connections import Connection
from persistence.editors import PerDialect
from persistence.sql import Dialect, Json

_BATCH: Final = 500
"""Products that a migration reads at once: some megabytes at most."""


def search_columns(product: Product) -> Columns:
    return _columns(product.id, product.name, product.description)


def _columns(product_id: str, name: str, description: str | None) -> Columns:
    return {
        "product_id": product_id,
        "title": title_of(name),
        "name": " ".join(words_of(name)),
        "description": " ".join(words_of(description or "")),
    }


def spellings_of(columns: Columns) -> set[str]:
    """The words of an indexed product that a typo may stand for."""
    return set(filter(may_be_meant, f"{columns['name']} {columns['description']}".split()))


ADD_SPELLINGS: Final = {
    Dialect.POSTGRES: (
        "INSERT INTO product_spellings (trigram, length, word)"
        " SELECT trigram, length, word FROM json_to_recordset($1::json) AS made (trigram text, length int, word text)"
        " ON CONFLICT DO NOTHING"
    ),
    Dialect.SQLITE: (
        "INSERT INTO product_spellings (trigram, length, word)"
        " SELECT json_extract(value, '$.trigram'), json_extract(value, '$.length'), json_extract(value, '$.word')"
        " FROM json_each($1) WHERE TRUE ON CONFLICT DO NOTHING"
    ),
}


def spelling_rows(words: Iterable[str]) -> Json:
    """In one order, so that two products with the same new words do not wait for each other in a circle."""
    return Json(
        [
            {"trigram": trigram, "length": len(word), "word": word}
            for trigram, word in sorted((trigram, word) for word in words for trigram in trigrams(word))
        ]
    )


INSERT: Final = "INSERT INTO product_search (product_id, title, name, description) VALUES ($1, $2, $3, $4)"
# A product that an older version of the gateway wrote has no row here until it is saved again.
UPDATE: Final = (
    f"{INSERT} ON CONFLICT (product_id) DO UPDATE SET title = $2, name = $3, description = $4"
    " WHERE product_search.title <> $2 OR product_search.name <> $3 OR product_search.description <> $4"
)


# --- the migration ----------------------------------------------------------------------------------------------------


class SearchTables(PerDialect):
    """What a model cannot say of `product_search`: the full-text index, and the table of spellings."""

    def __init__(self) -> None:
        super().__init__(sqlite=_SQLITE, postgres=_POSTGRES)


# The words are ready: `ascii` takes every character beyond ASCII for a part of a word, and ours have no others but
# letters and digits. Nobody asks where in a text a word stands (`detail`), or how long a text is (`columnsize`).
_SQLITE: Final = """
CREATE VIRTUAL TABLE product_words USING fts5(
    title, name, description,
    content = 'product_search', content_rowid = 'number',
    tokenize = 'ascii', detail = 'column', columnsize = 0, prefix = '2 3'
);
CREATE TRIGGER product_search_inserted AFTER INSERT ON product_search BEGIN
    INSERT INTO product_words (rowid, title, name, description)
    VALUES (NEW.number, NEW.title, NEW.name, NEW.description);
END;
CREATE TRIGGER product_search_updated AFTER UPDATE ON product_search BEGIN
    INSERT INTO product_words (product_words, rowid, title, name, description)
    VALUES ('delete', OLD.number, OLD.title, OLD.name, OLD.description);
    INSERT INTO product_words (rowid, title, name, description)
    VALUES (NEW.number, NEW.title, NEW.name, NEW.description);
END;
CREATE TABLE product_spellings (
    trigram TEXT NOT NULL, length INT NOT NULL, word TEXT NOT NULL, PRIMARY KEY (trigram, length, word)
) WITHOUT ROWID;
"""

# With `fastupdate` GIN keeps what is new in a list of its own until a vacuum, and every search reads all of it.
_POSTGRES: Final = """
ALTER TABLE product_search ADD COLUMN words tsvector NOT NULL GENERATED ALWAYS AS (
    array_to_tsvector(array_remove(
        string_to_array(name || ' ' || description, ' ')
            || string_to_array('=' || replace(name, ' ', ' ='), ' ')
            || ARRAY['#' || title],
        ''
    ))
) STORED;
CREATE INDEX product_search_words ON product_search USING gin (words) WITH (fastupdate = off);
CREATE TABLE product_spellings (
    trigram TEXT COLLATE "C" NOT NULL,
    length INT NOT NULL,
    word TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (trigram, length, word)
);
"""


class IndexAnew(RunPython):
    """Writes the index of all products, the oldest first, with the words as they are read today."""

    def __init__(self) -> None:
        super().__init__(_index_anew)


async def _index_anew(_apps: Any, editor: BaseSchemaEditor) -> None:
    connection = cast("Connection", editor.client)
    known: set[str] = set()
    after = ""
    while products := await _products_after(connection, after):
        for product in products:
            columns = _columns(product["id"], product["name"], product["description"])
            if not await connection.execute(_REINDEX, *columns.values()):
                await connection.execute(INSERT, *columns.values())
            words = spellings_of(columns) - known
            known |= words
            await connection.execute(ADD_SPELLINGS[connection.dialect], spelling_rows(words))
        after = products[-1]["id"]


_REINDEX: Final = "UPDATE product_search SET title = $2, name = $3, description = $4 WHERE product_id = $1"


async def _products_after(connection: Connection, after: str) -> list[Row]:
    text = "SELECT id, name, description FROM products WHERE id > $1 ORDER BY id LIMIT $2"
    return cast("list[Row]", await connection.fetch_all(text, after, _BATCH))
