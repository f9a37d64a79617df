"""librdkafka's mock cluster as a process: `python mock_cluster.py BROKERS`, one JSON array per line on stdin.

Prints `{"bootstrap": …, "version": …}`, then answers each call `[name, argument…]` with `{"code": …}`: librdkafka's
error code, 0 when done. Ends when stdin closes, so with the tests, however they end.

The functions are those of rdkafka_mock.h (an experimental API: the wheel confluent-kafka is pinned) in the library that
wheel brings; Python's binding does not offer them.
"""

import ctypes
import importlib.util
import json
import sys
from ctypes import POINTER, c_char_p, c_int, c_int16, c_int32, c_size_t, c_void_p
from pathlib import Path
from typing import Any

PRODUCER = 0  # rd_kafka_type_t

# The calls a test may make: name -> types of its arguments after the cluster.
CALLS: dict[str, tuple[type, ...]] = {
    "topic_create": (c_char_p, c_int, c_int),
    "topic_set_error": (c_char_p, c_int),
    "partition_set_leader": (c_char_p, c_int32, c_int32),
    "coordinator_set": (c_char_p, c_char_p, c_int32),
    "broker_set_down": (c_int32,),
    "broker_set_up": (c_int32,),
    "broker_set_rtt": (c_int32, c_int),
}


def library() -> ctypes.CDLL:
    """The librdkafka inside the wheel (Linux: confluent_kafka.libs, macOS: confluent_kafka/.dylibs)."""
    spec = importlib.util.find_spec("confluent_kafka")
    if spec is None or spec.origin is None:
        raise SystemExit("the wheel confluent-kafka is not installed: run make install")
    package = Path(spec.origin).parent
    folders = (package.with_name("confluent_kafka.libs"), package / ".dylibs")
    for file in (file for folder in folders for file in sorted(folder.glob("librdkafka*"))):
        return ctypes.CDLL(str(file))
    raise SystemExit(f"no librdkafka beside {package}: this wheel of confluent-kafka is built otherwise")


class Cluster:
    """The mock brokers of this process."""

    def __init__(self, brokers: int) -> None:
        lib = self._lib = library()
        lib.rd_kafka_conf_new.restype = c_void_p
        lib.rd_kafka_new.restype = c_void_p
        lib.rd_kafka_new.argtypes = [c_int, c_void_p, c_char_p, c_size_t]
        lib.rd_kafka_version_str.restype = c_char_p
        lib.rd_kafka_mock_cluster_new.restype = c_void_p
        lib.rd_kafka_mock_cluster_new.argtypes = [c_void_p, c_int]
        lib.rd_kafka_mock_cluster_bootstraps.restype = c_char_p
        lib.rd_kafka_mock_cluster_bootstraps.argtypes = [c_void_p]
        lib.rd_kafka_mock_group_initial_rebalance_delay_ms.restype = None
        lib.rd_kafka_mock_group_initial_rebalance_delay_ms.argtypes = [c_void_p, c_int32]
        why = ctypes.create_string_buffer(512)
        handle = lib.rd_kafka_new(PRODUCER, lib.rd_kafka_conf_new(), why, len(why))
        if not handle:
            raise SystemExit(f"librdkafka did not start: {why.value.decode()}")
        self._cluster = c_void_p(lib.rd_kafka_mock_cluster_new(c_void_p(handle), brokers))
        lib.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)

    def told(self) -> dict[str, str]:
        """Where it is and what it is."""
        bootstrap: bytes = self._lib.rd_kafka_mock_cluster_bootstraps(self._cluster)
        version: bytes = self._lib.rd_kafka_version_str()
        return {"bootstrap": bootstrap.decode(), "version": version.decode()}

    def call(self, name: str, *arguments: Any) -> int:
        """Make one call; an unknown name or a wrong number of arguments raises KeyError or ctypes.ArgumentError."""
        if name == "push_request_errors":
            return self._push_request_errors(*arguments)
        function = self._lib[f"rd_kafka_mock_{name}"]
        if name == "topic_set_error":
            function.restype = None
        function.argtypes = [c_void_p, *CALLS[name]]
        encoded = [one.encode() if isinstance(one, str) else one for one in arguments]
        return int(function(self._cluster, *encoded) or 0)

    def _push_request_errors(self, api_key: int, codes: list[int]) -> int:
        """Answer the next requests of this kind with these error codes, one each."""
        function = self._lib.rd_kafka_mock_push_request_errors_array
        function.restype = None
        function.argtypes = [c_void_p, c_int16, c_size_t, POINTER(c_int)]
        function(self._cluster, api_key, len(codes), (c_int * len(codes))(*codes))
        return 0


def main() -> None:
    cluster = Cluster(int(sys.argv[1]))
    print(json.dumps(cluster.told()), flush=True)
    for line in sys.stdin:
        print(json.dumps({"code": cluster.call(*json.loads(line))}), flush=True)


if __name__ == "__main__":
    main()
