"""The platforms on localhost: their documented APIs, limits and errors, and their signed webhooks."""

from simulator.app import Simulator, build_app
from simulator.clock import Clock, ManualClock, SystemClock
from simulator.deliveries import RetryPolicy
from simulator.demo import Demo
from simulator.errors import AddressTakenError, ControlError, SimulatorError
from simulator.faults import Fault
from simulator.script import Script, Visitor
from simulator.world import World, build_world

__all__ = [
    "AddressTakenError",
    "Clock",
    "ControlError",
    "Demo",
    "Fault",
    "ManualClock",
    "RetryPolicy",
    "Script",
    "Simulator",
    "SimulatorError",
    "SystemClock",
    "Visitor",
    "World",
    "build_app",
    "build_world",
]
