"""The events that the tests send: a simulated stream of card transactions with poisonous records in between."""

import dataclasses
import decimal
import json
import random

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from servers import ROOT

SCHEMA = ROOT / "docs" / "examples" / "card-fraud" / "transaction.avsc"
PARTITIONS = 3
EVENTS = 20000
CARDS = 250
DAYS = 60
POISON_FROM = 500  # by then the watermark of each partition stands
POISON_EVERY = 60
HOUR_MS = 3600 * 1000
UNKNOWN_ID = 7654321
CARD_FIELDS = (
    "transaction_id",
    "event_time",
    "card_id",
    "customer_id",
    "amount",
    "currency",
    "merchant",
    "channel",
    "lat",
    "lon",
)


@dataclasses.dataclass(frozen=True)
class Record:
    """A record as the producer sends it; reason: of its letter, where it is poisonous on purpose."""

    partition: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple = ()
    reason: str | None = None


class Encoder:
    """Confluent's own serializer: schema registered by it, framing and Avro written by it."""

    def __init__(self, registry_url):
        client = SchemaRegistryClient({"url": registry_url})
        self.serializer = AvroSerializer(client, SCHEMA.read_text())
        self.context = SerializationContext("transactions", MessageField.VALUE)

    def __call__(self, event):
        return self.serializer({name: event[name] for name in CARD_FIELDS}, self.context)


def simulate(run, path, seed, **others):
    """Writes a simulation with Kafka coordinates, in the format of the file's name; other options than the usual."""
    sizes = {"events": EVENTS, "cards": CARDS, "days": DAYS, "coordinates": PARTITIONS}
    rates = {"late": 0.01, "duplicates": 0.005}
    options = sizes | rates | {"seed": seed, "output": path} | others
    run("simulate", *(f"--{name}={value}" for name, value in options.items()))
    return path


def clean(path, encode):
    """The simulated events as records, in the order of their arrival."""
    records = []
    with open(path) as lines:
        for line in lines:
            event = json.loads(line, parse_float=decimal.Decimal)
            for place in ("lat", "lon"):
                event[place] = None if event[place] is None else float(event[place])
            event["amount"] = decimal.Decimal(event["amount"])
            records.append(
                (event, Record(event["_partition"], event["_timestamp"], event["_key"].encode(), encode(event)))
            )
    return records


def _poisons(event, record, encode, number):
    """Kinds of records that must end as letters, made from a healthy event; each with its reason."""
    value, key, now = record.value, record.key, record.timestamp
    fresh = dict(event, transaction_id=f"poison-{number}")

    def changed(**members):
        return encode(dict(fresh, **members))

    yield "framing", key, b"not framed at all"
    yield "framing", key, b"\x00\x00"
    yield "framing", key, b""
    yield "registry", key, b"\x00" + UNKNOWN_ID.to_bytes(4, "big") + value[5:]
    yield "decode", key, value[:-3]
    yield "decode", key, value + b"\x00"
    yield "framing", key, None
    yield "key", None, changed()
    yield "key", b"somebody-else", changed()
    yield "validate", b"", changed(card_id="")
    yield "validate", b"x" * 257, changed(card_id="x" * 257)
    yield "future", key, changed(event_time=now + HOUR_MS)
    yield "too_late", key, changed(event_time=now - 72 * HOUR_MS)


def poisoned(events, encode, seed=11):
    """The stream with a poisonous record after every POISON_EVERY healthy ones, all kinds in turn, and repetitions."""
    generator = random.Random(seed)
    records, kind = [], 0
    for number, (event, record) in enumerate(events):
        records.append(record)
        if number < POISON_FROM or number % POISON_EVERY:
            continue
        poisons = list(_poisons(event, record, encode, number))
        reason, key, value = poisons[kind % len(poisons)]
        kind += 1
        headers = (
            ("traceparent", b"00-%032x-%016x-01" % (number, number)),
            ("same", b"first"),
            ("same", b"\x00\xff"),
            ("nothing", None),
        )
        records.append(Record(record.partition, record.timestamp, key, value, headers, reason))
        if generator.random() < 0.5:
            records.append(record)  # sent twice: another offset, the same event
    return records
