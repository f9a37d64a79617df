"""What the end of a test run says about its servers: always which, and in capitals what was missing."""

from tests.servers.broker import Broker
from tests.servers.harness import Harness, Shared
from tests.servers.postgres import PostgresServer


def summary(harness: Harness) -> list[str]:
    """The lines, one or more for Kafka and one or more for PostgreSQL."""
    lines = [*kafka_lines(harness.kafka), *postgres_lines(harness.postgres)]
    if harness.missed:
        lines += ["TESTS WERE SKIPPED FOR WANT OF A SERVER", *sorted(harness.missed)]
    return lines


def kafka_lines(kafka: Shared[Broker]) -> list[str]:
    """What is said of Kafka."""
    if kafka.error is not None:
        return ["KAFKA: NO BROKER, AND THE TESTS THAT ASKED FOR ONE FAILED", *str(kafka.error).splitlines()]
    if kafka.found is None:
        return ["Kafka: no test asked for the shared broker"]
    broker = kafka.found.server
    if broker.kind != "mock":
        return [f"Kafka: {broker.version} from {kafka.found.name} ({broker.bootstrap}, ready in {kafka.took:.1f} s)"]
    return [
        "KAFKA: NO REAL BROKER. THE KAFKA TESTS RAN ON LIBRDKAFKA'S MOCK CLUSTER, WHICH IS NOT KAFKA",
        f"  {broker.version}; with CI=true this is a failure. What was tried:",
        *(f"  {refusal}" for refusal in kafka.found.refusals),
    ]


def postgres_lines(postgres: Shared[PostgresServer]) -> list[str]:
    """What is said of PostgreSQL."""
    if postgres.error is not None:
        return [
            "POSTGRESQL: NO SERVER, AND THE TESTS THAT ASKED FOR ONE DID NOT RUN",
            *str(postgres.error).splitlines(),
        ]
    if postgres.found is None:
        return ["PostgreSQL: no test asked for the shared server"]
    server = postgres.found.server
    return [f"PostgreSQL: {server.version}, {server.origin} (ready in {postgres.took:.1f} s)"]
