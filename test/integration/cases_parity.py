"""What goes out is what the offline run makes of the same records, in every format, with every model and batch size."""

import collections
import json
import signal

import fastavro
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from catalog import case
from scene import expect_same, milliseconds, plain_numbers
from servers import Proxy, wait_until
from stream import SCHEMA

LETTER_OWN = "__connect.errors."


@case
def a_run_equals_the_offline_run(scene):
    scene.create()
    settings = scene.settings(scene.redis())
    settings["limits"] = {"parity_share": 1}
    config = scene.configure(settings)
    scene.send(scene.world.records)
    daemon = scene.start(config)
    scene.wait_done()
    reference = scene.reference(config)
    with scene.check("alerts_and_decisions_have_the_same_bytes"):
        scene.expect_equal(reference)
        assert len(reference.alerts) > 100 and len(reference.decisions) > 15000
    with scene.check("alerts_come_from_model_and_rules_and_all_kinds_of_vectors_occur"):
        _check_variety(reference)
    with scene.check("messages_are_keyed_by_entity_and_in_order"):
        _check_messages(scene)
    with scene.check("every_refused_record_is_one_letter_as_it_was_sent"):
        _check_letters(scene)
    with scene.check("metrics_add_up_to_the_records_sent"):
        _check_metrics(scene, daemon, reference)
    with scene.check("the_judge_confirms_every_vector_that_the_log_gives"):
        _check_judge(daemon, reference)
    with scene.check("json_lines_give_the_same_bytes_as_an_avro_file"):
        _check_json_lines(scene, reference)
    daemon.stop()


def _check_judge(daemon, reference):
    scored = reference.outcomes["scored"]

    def judged():
        metrics = daemon.metrics()
        return [metrics[f"outlierd_parity_{name}_total"] for name in ("checked", "unchecked", "differences")]

    wait_until(lambda: sum(judged()[:2]) == scored, 10, "all vectors are judged")
    checked, _, differences = judged()
    assert differences == 0 and checked > scored / 4, judged()


def _check_variety(reference):
    alerts = [json.loads(value) for value in reference.alerts]
    assert any(alert["rules"] for alert in alerts) and any(not alert["rules"] for alert in alerts)
    assert all(alert["contributions"] for alert in alerts)
    flags = collections.Counter(flag for value in reference.decisions for flag in json.loads(value)["flags"])
    for flag in ("late", "warming", "approximate"):
        assert flags[flag] > 0, f"no vector is {flag}: {dict(flags)}"
    for outcome in ("scored", "duplicate", "too_late", "future", "invalid"):
        assert reference.outcomes[outcome] > 0, f"no record is {outcome}"


def _check_messages(scene):
    for topic in (scene.alerts, scene.decisions):
        last = {}
        for message in scene.topics.read(topic):
            value = json.loads(message.value)
            assert message.key.decode() == value["entity"]
            route = (message.partition, value["partition"])
            assert value["offset"] > last.get(
                route, -1
            ), f"{topic}: offset {value['offset']} of {route} is out of order"
            last[route] = value["offset"]
            if topic == scene.alerts:
                assert dict(message.headers)["ce_id"].decode() == value["alert_id"]


def _check_letters(scene):
    source = {(message.partition, message.offset): message for message in scene.topics.read(scene.input)}
    sent = collections.defaultdict(list)
    for record in scene.world.records:
        sent[record.partition].append(record)
    wanted = {
        (partition, offset): record.reason
        for partition, records in sent.items()
        for offset, record in enumerate(records)
        if record.reason
    }
    found = {}
    for topic, reasons in ((scene.late, {"too_late", "folded"}), (scene.dead, None)):
        for letter in scene.topics.read(topic):
            headers = dict(letter.headers)
            assert headers[LETTER_OWN + "topic"].decode() == scene.input
            place = int(headers[LETTER_OWN + "partition"]), int(headers[LETTER_OWN + "offset"])
            reason = headers["outlierd.reason"].decode()
            assert (reason in reasons) if reasons else (reason not in ("too_late", "folded")), f"{reason} in {topic}"
            assert place not in found, f"two letters for {place}"
            found[place] = reason
            original = source[place]
            assert (letter.key, letter.value, letter.timestamp) == (original.key, original.value, original.timestamp)
            assert letter.headers[: len(original.headers)] == original.headers
            assert headers[LETTER_OWN + "exception.message"], "a letter says why"
    for place, reason in wanted.items():
        assert found.get(place) == reason, f"the record at {place} is a letter for {found.get(place)}, not for {reason}"
    assert all(reason in ("too_late", "folded") for place, reason in found.items() if place not in wanted)


def _check_metrics(scene, daemon, reference):
    total = len(scene.world.records)

    def counted():
        return sum(value for name, value in daemon.metrics().items() if name.startswith("outlierd_records_total"))

    wait_until(lambda: counted() == total, 5, f"{total} records in /metrics")
    metrics = daemon.metrics()
    for outcome, number in reference.outcomes.items():
        assert metrics[f'outlierd_records_total{{outcome="{outcome}"}}'] == number
    letters = sum(value for name, value in metrics.items() if name.startswith("outlierd_letters_total"))
    refused = sum(reference.outcomes[outcome] for outcome in ("too_late", "future", "invalid"))
    assert letters == refused, f"{letters} letters in /metrics, {refused} refused records"
    assert metrics["outlierd_alerts_total"] == len(reference.alerts)
    assert metrics["outlierd_reapplied_records_total"] == 0
    assert daemon.get("/livez")[0] == 200


def _check_json_lines(scene, reference):
    settings = scene.settings(scene.servers[0])
    settings["event"]["time"] = {"path": "event_time", "unit": "ms"}
    path, lines = scene.configure(settings, "lines.json"), scene.folder / "dump.jsonl"
    with open(scene.folder / "dump.avro", "rb") as dump, open(lines, "w") as out:
        count = 0
        for event in fastavro.reader(dump):
            out.write(
                json.dumps(dict(event, event_time=milliseconds(event["event_time"]), amount=str(event["amount"])))
                + "\n"
            )
            count += 1
    again = scene.score(path, lines, count)
    assert again.alerts == reference.alerts and again.decisions == reference.decisions


@case
def batches_of_three_records_give_the_same_bytes(scene):
    scene.create()
    settings = scene.settings(scene.redis())
    settings["limits"] |= {"batch_records": 3, "cache_bytes": 20000, "write_records": 10}
    settings["policy"]["warming"] = "alert"
    config = scene.configure(settings)
    scene.send(scene.world.records[:1500])
    scene.start(config)
    scene.wait_done()
    scene.expect_equal(scene.reference(config))


@case
def avro_alerts_and_decisions_are_registered_and_equal_the_json_ones(scene):
    scene.create()
    settings = scene.settings(scene.redis())
    scene.send(scene.world.records)
    plain = scene.configure(settings, "plain.json")
    for output in ("alerts", "decisions"):
        settings["output"][output]["format"] = "avro"
    scene.start(scene.configure(settings))
    scene.wait_done()
    reference = scene.reference(plain)
    client = SchemaRegistryClient({"url": scene.world.registry.url})
    deserialize = AvroDeserializer(client)
    for topic, wanted in ((scene.alerts, reference.alerts), (scene.decisions, reference.decisions)):
        registered = client.get_latest_version(f"{topic}-value").schema_id
        messages = scene.topics.read(topic)
        assert {message.value[:5] for message in messages} == {b"\0" + registered.to_bytes(4, "big")}
        values = [deserialize(message.value, SerializationContext(topic, MessageField.VALUE)) for message in messages]
        # The order of members is compared too; repr() of a float names its bits.
        expect_same(
            topic,
            [repr(value).encode() for value in map(plain_numbers, values)],
            [repr(value).encode() for value in map(plain_numbers, map(json.loads, wanted))],
        )


@case
def without_redis_and_registry_state_is_rebuilt_at_every_start(scene):
    scene.create()
    settings = scene.settings(None)
    settings["state"]["memory"] = {}
    settings["schema"] = {"file": str(SCHEMA), "framing": "confluent"}
    config = scene.configure(settings)
    records = [record for _, record in scene.world.events]
    for piece in (records[:4000], records[4000:8000], records[8000:]):
        scene.send(piece)
        daemon = scene.start(config)
        scene.wait_done()
        daemon.stop()
    scene.expect_equal(scene.reference(config))
    assert "the state is rebuilt from the topic" in daemon.log()


@case
def a_promoted_model_takes_over_at_a_batch_edge(scene):
    first, second = scene.world.model_ids
    scene.create()
    config = scene.configure(scene.settings(scene.redis()))
    half = len(scene.world.records) // 2
    scene.send(scene.world.records[:half])
    daemon = scene.start(config)
    scene.wait_done()
    scene.outlierd.run("model", "promote", "--config", config, second[:12])
    behind = scene.send_behind(scene.world.records[half:], 4000)
    daemon.signal(signal.SIGHUP)
    daemon.wait_log(f"model changed from={first} to={second}")
    behind.result()
    scene.wait_done()
    edges = {}
    for message in scene.topics.read(scene.decisions):
        value = json.loads(message.value)
        edges.setdefault(value["partition"], []).append((value["offset"], value["model_id"]))
    for partition, decisions in edges.items():
        models = [model for _, model in sorted(decisions)]
        switch = models.index(second)
        assert (
            switch > 0 and set(models[:switch]) == {first} and set(models[switch:]) == {second}
        ), f"partition {partition}"
    with scene.check("rollback_brings_the_former_back"):
        scene.outlierd.run("model", "rollback", "--config", config)
        daemon.signal(signal.SIGHUP)
        daemon.wait_log(f"model changed from={second} to={first}")
    daemon.stop()


@case
def an_absent_registry_holds_records_back_and_refuses_none(scene):
    scene.create()
    proxy = Proxy(scene.world.registry.port)
    scene.servers.append(proxy)
    settings = scene.settings(scene.redis())
    settings["schema"]["registry_urls"] = [f"http://127.0.0.1:{proxy.port}"]
    config = scene.configure(settings)
    scene.send(scene.world.records[:3000])
    daemon = scene.start(config)
    daemon.wait_log("waiting for it")
    wait_until(
        lambda: daemon.get("/readyz")[0] == 503 and "registry" in daemon.get("/readyz")[1],
        10,
        "/readyz names the registry",
    )
    assert all(found is None for found in scene.topics.committed(scene.prefix, scene.input, 3).values())
    assert scene.topics.read(scene.dead) == []
    proxy.start()
    scene.wait_done()
    scene.expect_equal(scene.reference(config))
    daemon.wait_ready()
    daemon.stop()
