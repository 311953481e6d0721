"""What a batch wants of the chunks that it has handed out, where those can read it.

An executor cannot end what one of its workers is doing, and the worker does not learn that its
batch was left, or has failed: it would keep a place busy for as long as it has rows.
"""

from __future__ import annotations

from typing import Literal, cast

from sqlalchemy import Engine, delete, insert, select, update

from ._schema import orders

Order = Literal["go", "leave", "stop"]
"""Go on; begin no more runs, and follow those that go on; or stop these, too."""


class Orders:
    """The order of one batch; there is none before it gives one, and after it is over.

    Args:
        engine: The journal's database.
        batch: Id of the batch, which is made up anew whenever rows are handed out.
    """

    def __init__(self, engine: Engine, batch: str) -> None:
        self._engine = engine
        self._batch = batch

    def give(self, order: Order) -> None:
        """Want this from now on."""
        values = {"wanted": order}
        with self._engine.begin() as connection:
            changed = connection.execute(
                update(orders).where(orders.c.batch == self._batch).values(values)
            )
            if not changed.rowcount:
                connection.execute(insert(orders).values(batch=self._batch, **values))

    def read(self) -> Order | None:
        """What is wanted; None where the batch is over, or another one has begun."""
        with self._engine.connect() as connection:
            wanted = select(orders.c.wanted).where(orders.c.batch == self._batch)
            return cast("Order | None", connection.execute(wanted).scalar())


def withdraw_all(engine: Engine) -> None:
    """Have every batch be over: one that ends, or those that died.

    Args:
        engine: The journal's database.
    """
    with engine.begin() as connection:
        connection.execute(delete(orders))
