"""The platforms a source can be of. A new one is a module beside this and a line here."""

from collections.abc import Mapping
from types import MappingProxyType

from receiver.sources import customgpt, gptbots, mygptassistants, standard, yourgpt
from receiver.sources.platform import Platform

PLATFORMS: Mapping[str, Platform] = MappingProxyType(
    {
        platform.name: platform
        for platform in (
            customgpt.PLATFORM,
            gptbots.PLATFORM,
            mygptassistants.PLATFORM,
            standard.PLATFORM,
            yourgpt.PLATFORM,
        )
    }
)
