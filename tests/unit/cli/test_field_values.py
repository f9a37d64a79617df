"""Secrets that stand in the file, and truth where a number is meant."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, Secret, SecretBytes, SecretStr

from cli.field_values import literal_secrets, numbers_as_bools


class Login(BaseModel):
    user: str = ""
    password: SecretStr | None = None


class Config(BaseModel):
    key: SecretStr = SecretStr("")
    aliased: Annotated[SecretStr, Field(alias="apiKey")] = SecretStr("")
    raw: SecretBytes | None = None
    pin: Secret[int] | None = None
    keys: list[SecretStr] = []
    by_name: dict[str, SecretStr] | None = None
    either: SecretStr | list[SecretStr] = []
    pair: tuple[str, SecretStr] | None = None
    login: Login | None = None
    logins: Annotated[list[Login], Field(max_length=9)] = []
    sites: dict[str, Login] = {}
    deep: dict[str, list[Login | None]] = {}
    label: str = ""
    size: Annotated[int, Field(ge=0)] | None = None
    sizes: list[float] = []
    flag: bool | int = False


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({"key": "s3"}, ("key",)),
        ({"apiKey": "s3"}, ("apiKey",)),
        ({"raw": "s3"}, ("raw",)),
        ({"pin": 1234}, ("pin",)),
        ({"keys": ["env:A", "s3"]}, ("keys",)),
        ({"keys": "s3"}, ("keys",)),
        ({"by_name": {"a": "env:A", "b": "s3"}}, ("by_name", "b")),
        ({"either": ["s3"]}, ("either",)),
        ({"pair": ["name", "s3"]}, ("pair",)),
        ({"login": {"user": "u", "password": "s3"}}, ("login", "password")),
        ({"logins": [{"password": "env:A"}, {"password": "s3"}]}, ("logins", "password")),
        ({"sites": {"a": {"password": "s3"}}}, ("sites", "a", "password")),
        ({"deep": {"a": [{"password": "s3"}]}}, ("deep", "a", "password")),
        ({"key": "postgresql://u:p@localhost/hookline"}, ("key",)),
    ],
)
def test_a_secret_in_the_file_is_named(raw: dict[str, Any], path: tuple[str, ...]) -> None:
    """Once, whatever the form of its field."""
    assert literal_secrets(raw, Config) == [path]


@pytest.mark.parametrize(
    "raw",
    [
        {"key": "env:A", "apiKey": "file:a", "keys": ["env:A", "file:a"], "by_name": {"a": "env:A"}},
        {"either": ["env:A"], "login": {"user": "u", "password": "env:A"}, "logins": [{"password": "file:a"}]},
        {"sites": {"a": {"user": "u"}}, "deep": {"a": [{"password": "env:A"}]}, "label": "plain", "unknown": "s3"},
        {"key": "postgresql://localhost/hookline"},
        {"login": "no table", "sites": ["no table"], "deep": 3},
    ],
)
def test_references_and_what_is_no_secret_may_stand_there(raw: dict[str, Any]) -> None:
    """Also an address without a password, and what is wrong in another way."""
    assert literal_secrets(raw, Config) == []


def test_truth_is_no_number() -> None:
    """Pydantic takes it as 1; where a field may be either it is meant."""
    raw = {"size": True, "sizes": [1.5, False], "flag": True}
    assert numbers_as_bools(raw, Config) == [("size",), ("sizes",)]
