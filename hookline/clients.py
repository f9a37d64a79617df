"""The platforms' typed clients, their errors and what they give: `ctx.account(platform=MyGPTAssistants)`.

Kept out of `hookline` itself: importing it needs aiohttp, which handlers of a light test do not.
"""

from clients.account import Account, ChatMessage, Chunk, Contact, Conversation, Sent
from clients.customgpt import Completion, CustomGPT, Insight, Usage
from clients.errors import (
    BadAnswer,
    ClientError,
    ConnectionLost,
    ForbiddenAddress,
    NotFound,
    NotSupported,
    OutOfCredit,
    PartlyRejected,
    PlatformDown,
    RateLimited,
    Rejected,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from clients.gptbots import AnonymousId, Callback, GPTBots, WorkflowRun
from clients.mygptassistants import MyGPTAssistants
from clients.yourgpt import YourGPT, YourGPTContacts, user_hash

__all__ = [
    "Account",
    "AnonymousId",
    "BadAnswer",
    "Callback",
    "ChatMessage",
    "Chunk",
    "ClientError",
    "Completion",
    "ConnectionLost",
    "Contact",
    "Conversation",
    "CustomGPT",
    "ForbiddenAddress",
    "GPTBots",
    "Insight",
    "MyGPTAssistants",
    "NotFound",
    "NotSupported",
    "OutOfCredit",
    "PartlyRejected",
    "PlatformDown",
    "RateLimited",
    "Rejected",
    "Sent",
    "TimedOut",
    "Unauthorized",
    "Unreachable",
    "Usage",
    "WorkflowRun",
    "YourGPT",
    "YourGPTContacts",
    "user_hash",
]
