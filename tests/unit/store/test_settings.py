"""`[store]`."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from store.settings import StoreSettings


def test_all_has_defaults() -> None:
    """An empty section is a good one."""
    settings = StoreSettings()
    assert (settings.url, settings.connections, settings.deadline) == (None, None, timedelta(seconds=5))


def test_the_url_is_secret() -> None:
    """It may hold a password."""
    settings = StoreSettings.model_validate({"url": "postgresql://u:s3cret@db/hook", "deadline": "2s"})
    assert "s3cret" not in repr(settings)
    assert settings.url is not None
    assert settings.url.get_secret_value() == "postgresql://u:s3cret@db/hook"
    assert settings.deadline == timedelta(seconds=2)


@pytest.mark.parametrize("wrong", [{"connections": 0}, {"connections": 101}, {"deadline": "50ms"}, {"uri": "x"}])
def test_what_cannot_work_is_refused(wrong: dict[str, object]) -> None:
    """With the field's name."""
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        StoreSettings.model_validate(wrong)
