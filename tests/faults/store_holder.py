"""A process that holds a partition's owner in a transaction, says so, and waits to be frozen.

python -m tests.faults.store_holder postgresql://… 1
"""

import asyncio
import sys

from sqlalchemy.ext.asyncio import AsyncConnection

from store.addresses import address
from store.database import Database
from store.errors import StoreError
from store.owners import Epoch, hold
from tests.contract.stores import LOG
from tests.faults.store_writer import AT, HANDLER


async def main(url: str, epoch: int) -> None:
    """Hold until woken by a line on stdin, then try to commit."""
    database = Database(address(url))

    async def work(connection: AsyncConnection) -> None:
        await hold(connection, HANDLER, AT, Epoch(epoch, clean=True, log=LOG))
        print("held", flush=True)
        await asyncio.to_thread(sys.stdin.readline)

    try:
        await database.write(work)
    except StoreError as error:
        print(type(error).__name__, flush=True)
    else:
        print("committed", flush=True)
    await database.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
