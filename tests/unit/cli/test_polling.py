"""How the client that polls is set up."""

from cli.polling import _patient
from clients.limits import Rate
from clients.settings import CustomGPTSettings


def test_a_poll_leaves_half_of_what_an_account_may_call_to_handlers() -> None:
    """A list without an end costs the handlers no slot of theirs; where little is allowed, one call is left."""
    values = {"platform": "customgpt", "api_key": "k" * 20, "project_id": "1", "limits": {"data": "1/s"}}
    limits = dict(_patient(CustomGPTSettings.model_validate(values)).limits)
    assert (limits["chat"], limits["data"]) == (Rate(30, 60.0), Rate(1, 1.0))
