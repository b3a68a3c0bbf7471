"""`outlierd init`: as a new user would, from a topic of an unknown schema to the first explained alert."""

import dataclasses
import io
import json
import re
import signal
import time

import fastavro
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from catalog import case
from servers import wait_until
from stream import CARD_FIELDS, PARTITIONS
from stream import SCHEMA as SCHEMA_FILE

SCHEMA = {
    "type": "record",
    "name": "Posting",
    "namespace": "bank.ledger",
    "fields": [
        {"name": "txn_ref", "type": "string"},
        {"name": "occurred_at", "type": "long", "doc": "seconds since 1970"},
        {"name": "iban", "type": "string"},
        {"name": "sum_minor", "type": "long"},
        {"name": "ccy", "type": "string"},
        {
            "name": "counterparty",
            "type": {
                "type": "record",
                "name": "Party",
                "fields": [{"name": "party_no", "type": "string"}, {"name": "land", "type": "string"}],
            },
        },
        {"name": "way", "type": {"type": "enum", "name": "Way", "symbols": ["POS", "ATM", "WEB", "APP"]}},
        {
            "name": "position",
            "type": [
                "null",
                {
                    "type": "record",
                    "name": "Position",
                    "fields": [{"name": "latitude", "type": "double"}, {"name": "longitude", "type": "double"}],
                },
            ],
            "default": None,
        },
        {"name": "is_fraud", "type": "boolean", "default": False},
        {"name": "remark", "type": ["null", "string"], "default": None},
    ],
}
SUFFIXES = ("alerts", "decisions", "late", "dlq")
MINUTES = 10
FEATURES = 12


def _iban(card):
    return f"DE{10 + sum(card.encode()) % 80}50010517{int(re.sub('[^0-9]', '', card) or 0):010}"


def _posting(event):
    return {
        "txn_ref": event["transaction_id"],
        "occurred_at": event["event_time"] // 1000,
        "iban": _iban(event["card_id"]),
        "sum_minor": int(event["amount"] * 100),
        "ccy": event["currency"],
        "counterparty": {"party_no": event["merchant"]["id"], "land": event["merchant"]["country"]},
        "way": event["channel"],
        "position": None if event["lat"] is None else {"latitude": event["lat"], "longitude": event["lon"]},
        "is_fraud": False,
        "remark": None,
    }


def _encoder(scene):
    serializer = AvroSerializer(SchemaRegistryClient({"url": scene.world.registry.url}), json.dumps(SCHEMA))
    context = SerializationContext(scene.input, MessageField.VALUE)
    return lambda posting: serializer(posting, context)


def _produce(scene):
    """The world's transactions as postings of a bank that calls everything otherwise, keyed by IBAN."""
    encode = _encoder(scene)
    postings = [(_posting(event), record) for event, record in scene.world.events]
    records = [
        dataclasses.replace(record, key=posting["iban"].encode(), value=encode(posting)) for posting, record in postings
    ]
    scene.topics.create([scene.input], PARTITIONS)
    scene.send(records)
    return postings, encode


def _init(scene, *arguments, status=0):
    place = ("--topic", scene.input, "--bootstrap-servers", scene.kafka.address, "--registry", scene.world.registry.url)
    return scene.outlierd.run("init", *place, *arguments, status=status)


def _alerts(scene):
    return [json.loads(message.value) for message in scene.topics.read(f"{scene.input}.alerts")]


@case
def init_leads_from_a_topic_to_an_explained_alert(scene):
    postings, encode = _produce(scene)
    redis = scene.redis()
    path = scene.folder / "ledger.json"
    began = time.monotonic()
    with scene.check("fields_are_found_by_what_they_hold"):
        said = _init(scene, "--output", path, "--redis", redis.address, "--pipeline", scene.prefix).stdout
        config = json.loads(path.read_text())
        event = config["event"]
        assert event["id"] == "txn_ref" and event["entity"] == event["key"] == "iban", event
        assert event["time"] == {"path": "occurred_at", "unit": "s"}, event
        fields = event["fields"]
        assert fields["amount"] == {"path": "sum_minor", "type": "money", "scale": 2, "minor": True}, fields
        assert fields["lat"]["path"] == "position.latitude" and fields["lon"]["path"] == "position.longitude", fields
        assert fields["party_no"] == {"path": "counterparty.party_no", "type": "string"}, fields
        assert not any("fraud" in field.get("path", name) for name, field in fields.items()), fields
        assert len(config["features"]) == FEATURES and len(config["policy"]["rules"]) == 3, config
    with scene.check("it_says_what_to_type_next_and_why"):
        report = path.with_suffix(".md").read_text()
        for text in (said, report):
            for command in ("kafka-topics.sh", "outlierd check", "outlierd run", "outlierd features", "outlierd train"):
                assert command in text, f"{command} is not in\n{text}"
        for feature in config["features"]:
            assert f"`{feature['name']}`" in report, f"{feature['name']} is not in\n{report}"
    with scene.check("no_value_of_the_sample_is_written"):
        everything = said + report + path.read_text()
        for name in ("txn_ref", "iban", "occurred_at"):
            found = {str(posting[name]) for posting, _ in postings if len(str(posting[name])) > 4}
            assert not any(value in everything for value in found), f"a value of {name} is in the output"
        assert "looks like an account number (IBAN)" in report, report
    with scene.check("nothing_is_overwritten"):
        done = _init(scene, "--output", path, status=64)
        assert "exists already; --force overwrites it" in done.stderr, done.stderr
    with scene.check("check_online_passes_once_the_topics_are_there"):
        before = json.loads(path.read_text())
        arguments = ("--redis", redis.address, "--pipeline", scene.prefix, "--force", "--create-topics")
        said = _init(scene, "--output", path, *arguments).stdout
        assert "Created: 4 output topics" in said and "kafka-topics.sh" not in said, said
        assert json.loads(path.read_text()) == before, "the same topic gives the same proposal"
        wait_until(lambda: _outputs_exist(scene), 30, "the output topics are there")
        checked = scene.outlierd.run("check", "--config", path, "--online").stdout
        assert re.search(r"\d+ of \d+ sampled records are good events", checked), checked
    _own_port(path)
    daemon = scene.start(path)
    with scene.check("rules_alone_flag_without_a_model"):
        scene.wait_done()
        alerts = _alerts(scene)
        assert 0 < len(alerts) < len(postings) / 50, f"{len(alerts)} alerts"
        assert all("fallback" in alert["flags"] and alert["rules"] for alert in alerts), alerts[0]
    with scene.check("a_model_is_trained_from_the_topic_and_explains"):
        vectors = scene.folder / "vectors.csv"
        scene.outlierd.run("features", "--config", path, "--from", "earliest", "--output", vectors)
        scene.outlierd.run("train", "--config", path, "--input", vectors, "--output", f"{scene.folder}/models/")
        daemon.signal(signal.SIGHUP)
        time.sleep(2)
        scene.send([_anomaly(postings, encode)])
        scene.wait_done()
        alert = next(alert for alert in _alerts(scene) if alert["event_id"] == "anomaly-1")
        assert alert["model_id"] and alert["score"] >= alert["threshold"] and len(alert["contributions"]) == 5, alert
        assert "fallback" not in alert["flags"], alert
    daemon.stop()
    took = time.monotonic() - began
    assert took < MINUTES * 60, f"it took {took:.0f} s"


def _outputs_exist(scene):
    topics = scene.topics.admin.list_topics().topics
    return all(f"{scene.input}.{suffix}" in topics for suffix in SUFFIXES)


def _own_port(path):
    """Tests run beside each other: the default port is one for all."""
    config = json.loads(path.read_text())
    config["http"]["listen"] = "127.0.0.1:0"
    config["kafka"]["session_timeout"] = "3s"
    path.write_text(json.dumps(config, indent=1))


def _anomaly(postings, encode):
    """The last posting's owner pays a fortune, to somebody unknown, far away, some minutes later."""
    posting, record = postings[-1]
    changed = {
        "txn_ref": "anomaly-1",
        "occurred_at": posting["occurred_at"] + 300,
        "sum_minor": 2500000,
        "counterparty": {"party_no": "nobody-knows", "land": "ZZ"},
        "position": {"latitude": -45.0, "longitude": 170.0},
    }
    return dataclasses.replace(
        record,
        timestamp=record.timestamp + 300000,
        key=posting["iban"].encode(),
        value=encode(posting | changed),
    )


ENVELOPE = {
    "type": "record",
    "name": "Envelope",
    "fields": [
        {
            "name": "header",
            "type": {
                "type": "record",
                "name": "Header",
                "fields": [
                    {"name": "uuid", "type": "string"},
                    {"name": "sent", "type": {"type": "long", "logicalType": "timestamp-micros"}},
                ],
            },
        },
        {
            "name": "booking",
            "type": {
                "type": "record",
                "name": "Booking",
                "fields": [
                    {"name": "accountNo", "type": "long"},
                    {"name": "gross", "type": {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2}},
                    {"name": "payee", "type": ["null", "string"]},
                ],
            },
        },
        {"name": "tags", "type": {"type": "array", "items": "string"}},
    ],
}


def _zigzag(number):
    number, text = number << 1, b""
    while number >= 0x80:
        text += bytes([number & 0x7F | 0x80])
        number >>= 7
    return text + bytes([number])


@case
def init_reads_a_fixed_schema_and_framed_keys(scene):
    """No registry; nested records, decimals, microseconds, a key in Avro; some records that are no events."""
    schema, records = fastavro.parse_schema(ENVELOPE), []
    for number, (event, record) in enumerate(scene.world.events[:6000]):
        account = int(re.sub("[^0-9]", "", event["card_id"]))
        envelope = {
            "header": {"uuid": f"{event['transaction_id']}-{number}", "sent": event["event_time"] * 1000},
            "booking": {"accountNo": account, "gross": event["amount"], "payee": event["merchant"]["id"]},
            "tags": ["a", "b"],
        }
        body = io.BytesIO()
        fastavro.schemaless_writer(body, schema, envelope)
        value = body.getvalue() if number % 500 else b"\xff"
        records.append(dataclasses.replace(record, key=bytes(5) + _zigzag(account), value=value))
    scene.topics.create([scene.input], PARTITIONS)
    scene.send(records)
    (scene.folder / "envelope.avsc").write_text(json.dumps(ENVELOPE))
    folder = scene.folder / "etc"
    folder.mkdir()
    arguments = ("--topic", scene.input, "--bootstrap-servers", scene.kafka.address, "--schema", "envelope.avsc")
    arguments += ("--output", folder / "books.json", "--redis", scene.redis().address, "--create-topics")
    arguments += ("--property", "client.id=books,client.rack=a")
    scene.outlierd.run("init", *arguments, cwd=scene.folder)
    config = json.loads((folder / "books.json").read_text())
    event = config["event"]
    assert event["id"] == "header.uuid" and event["entity"] == event["key"] == "booking.accountNo", event
    assert event["time"] == {"path": "header.sent", "unit": "us"}, event
    assert event["fields"]["amount"] == {"path": "booking.gross", "type": "money", "scale": 2}, event
    assert event["fields"]["payee"] == {"path": "booking.payee", "type": "string"}, event
    assert config["kafka"]["properties"]["client.rack"] == "a", config["kafka"]
    wait_until(lambda: _outputs_exist(scene), 30, "the output topics are there")
    checked = scene.outlierd.run("check", "--config", folder / "books.json", "--online").stdout
    assert "5988 of 6000 sampled records are good events" in checked, checked
    report = (folder / "books.md").read_text()
    assert "12 more records could not be read" in report, report


@case
def init_passes_over_poison_and_fields_that_not_every_schema_has(scene):
    """The example's own topic, with records that are no events; then another version of its schema."""
    scene.topics.create([scene.input], PARTITIONS)
    scene.send(scene.world.records)
    path = scene.folder / "cards.json"
    arguments = ("--output", path, "--redis", scene.redis().address, "--records", 6000, "--create-topics", "--force")
    _init(scene, *arguments)
    event = json.loads(path.read_text())["event"]
    chosen = {name: event[name] for name in ("id", "entity", "key")}
    assert chosen == {"id": "transaction_id", "entity": "card_id", "key": "card_id"}, chosen
    assert event["time"]["path"] == "event_time" and event["fields"]["amount"]["type"] == "money", event
    assert event["fields"]["merchant_id"] == {"path": "merchant.id", "type": "string"}, event
    assert event["fields"]["lat"]["scale"] == event["fields"]["lon"]["scale"] == 5, event
    wait_until(lambda: _outputs_exist(scene), 30, "the output topics are there")
    checked = scene.outlierd.run("check", "--config", path, "--online").stdout
    assert not re.search("^error ", checked, re.MULTILINE), checked
    report = path.with_suffix(".md").read_text()
    assert "more records could not be read" in report and "customer_id" in report, report
    with scene.check("of_two_schemas_what_both_have"):
        newer = json.loads(SCHEMA_FILE.read_text())
        newer["fields"].append({"name": "device_ip", "type": "string", "default": "-"})
        serializer = AvroSerializer(SchemaRegistryClient({"url": scene.world.registry.url}), json.dumps(newer))
        context = SerializationContext(f"{scene.input}.newer", MessageField.VALUE)
        records = []
        for number, (event, record) in enumerate(scene.world.events[-1500:]):
            changed = {"transaction_id": f"again-{number}", "device_ip": f"10.0.0.{number % 99}"}
            value = serializer({name: event[name] for name in CARD_FIELDS} | changed, context)
            records.append(dataclasses.replace(record, value=value))
        scene.send(records)
        _init(scene, *arguments)
        fields = json.loads(path.read_text())["event"]["fields"]
        assert not any("device_ip" in (name, field.get("path")) for name, field in fields.items()), fields
        report = path.with_suffix(".md").read_text()
        assert "| `device_ip` | a string, not in all schemas |" in report and "2 schemas" in report, report


@case
def init_says_what_a_topic_lacks(scene):
    encode = _encoder(scene)
    events = scene.world.events[:3000]
    with scene.check("a_topic_that_does_not_exist"):
        done = _init(scene, "--output", scene.folder / "a.json", status=69)
        assert f"the topic {scene.input} does not exist" in done.stderr, done.stderr
    with scene.check("records_without_key"):
        records = [
            dataclasses.replace(record, partition=i % PARTITIONS, key=None, value=encode(_posting(event)))
            for i, (event, record) in enumerate(events)
        ]
        scene.topics.create([scene.input], PARTITIONS)
        scene.send(records)
        done = _init(scene, "--output", scene.folder / "a.json", status=65)
        assert "3000 of 3000 records have no key" in done.stderr and "--entity FIELD" in done.stderr, done.stderr
    with scene.check("an_entity_that_lies_in_several_partitions_is_refused"):
        done = _init(scene, "--output", scene.folder / "a.json", "--entity", "iban", status=64)
        assert "iban is no entity of this topic" in done.stderr, done.stderr
    with scene.check("a_field_that_does_not_exist"):
        done = _init(scene, "--output", scene.folder / "a.json", "--time", "when", status=64)
        assert '--time: the schema has no field "when"' in done.stderr, done.stderr
    assert not list(scene.folder.glob("a.*")), "nothing is written where nothing could be proposed"
