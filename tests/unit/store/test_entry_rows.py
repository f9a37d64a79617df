"""Which tables belong to entries."""

from store import entry_rows
from store.tables import metadata


def test_every_table_with_rows_of_entries_is_renamed_and_forgotten() -> None:
    """Also one that is made later. The uses of caps go with their caps."""
    named = {table.name for table in (*entry_rows._MARKS, *entry_rows._WORK)}
    assert {table.name for table in metadata.sorted_tables if "handler" in table.c} == named | {"cap_uses"}
