from domain.products import Price, Product
from persistence import models, search
from persistence.columns import optional
from persistence.mapping import price_from_row, price_to_row, product_from_row, product_to_row
from persistence.session import Session


class Products:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, product_id: str) -> Product | None:
        return optional(product_from_row, await self._session.row(models.Product, "id = $1", product_id))

    async def get_for_update(self, product_id: str) -> Product | None:
        return optional(product_from_row, await self._session.locked_row(models.Product, "id = $1", product_id))

    async def insert(self, product: Product) -> None:
        await self._session.insert(models.Product, product_to_row(product))
        await self._index(search.INSERT, product)

    async def save(self, product: Product) -> None:
        await self._session.update(models.Product, product_to_row(product))
        await self._index(search.UPDATE, product)

    async def _index(self, statement: str, product: Product) -> None:
        columns = search.search_columns(product)
        if not await self._session.execute(statement, *columns.values()):
            return  # its words are what they were
        spellings = search.spelling_rows(search.spellings_of(columns))
        await self._session.execute(search.ADD_SPELLINGS[self._session.dialect], spellings)


class Prices:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, price_id: str) -> Price | None:
        return optional(price_from_row, await self._session.row(models.Price, "id = $1", price_id))

    async def get_for_update(self, price_id: str) -> Price | None:
        return optional(price_from_row, await self._session.locked_row(models.Price, "id = $1", price_id))

    async def insert(self, price: Price) -> None:
        await self._session.insert(models.Price, price_to_row(price))

    async def save(self, price: Price) -> None:
        await self._session.update(models.Price, price_to_row(price))
