"""Real money and test money are written down in databases of their own."""

from domain.services.accounts import are_books_of_mode
from tests.services.shop import Shop


async def test_whoever_starts_first_decides_whose_money_the_books_are_about(shop: Shop) -> None:
    assert await are_books_of_mode(shop.store, livemode=True)
    assert await are_books_of_mode(shop.store, livemode=False, claim=True)

    assert await are_books_of_mode(shop.store, livemode=False)
    assert not await are_books_of_mode(shop.store, livemode=True, claim=True)
    assert await are_books_of_mode(shop.store, livemode=False)
