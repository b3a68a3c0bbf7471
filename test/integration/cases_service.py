"""The daemon as a service: notifications to systemd, health, the state as `get` shows it, `check --online`."""

import dataclasses
import datetime
import decimal
import hashlib
import json
import os
import re
import subprocess
import time

from confluent_kafka import Producer

from catalog import case
from scene import expect_same
from servers import free_port, wait_until


@case
def systemd_is_told_when_it_is_ready_alive_and_stopping(scene):
    scene.create()
    redis = scene.redis(durable=True)
    config = scene.configure(scene.settings(redis))
    redis.kill()
    socket = scene.notifications()
    daemon = scene.start(config, environment=dict(os.environ, NOTIFY_SOCKET=socket.path))
    with scene.check("not_ready_before_recovery"):
        daemon.wait_log("waiting for it")
        wait_until(lambda: socket.seen("WATCHDOG=1"), 10, "the watchdog is fed while it waits")
        assert not socket.seen("READY=1") and daemon.get("/readyz")[0] == 503
    with scene.check("ready_after_recovery"):
        redis.start()
        wait_until(lambda: socket.seen("READY=1"), 20, "READY=1")
        assert "recovered partitions=3" in daemon.log()
        assert daemon.get("/readyz")[0] == 200
    with scene.check("watchdog_and_status_while_it_runs"):
        beats = len(socket.read())
        scene.send(scene.world.records[:500])
        scene.wait_done()
        wait_until(lambda: any("STATUS=ok; " in message for message in socket.read()[beats:]), 10, "a status line")
    with scene.check("stopping"):
        daemon.stop()
        assert socket.seen("STOPPING=1") and socket.read()[-1].startswith("STOPPING=1")


# Features that the event's own fields have no part in.
HISTORY_ONLY = ("count_1h", "count_30d", "share_1h", "since_previous", "small_10m", "night_cash_1d", "hour")


@case
def get_shows_the_state_that_the_events_made(scene):
    scene.create()
    config = scene.configure(scene.settings(scene.redis()))
    before, after = scene.world.events[:3000], scene.world.events[3000:6000]
    scene.send([record for _, record in before])
    daemon = scene.start(config)
    scene.wait_done()
    daemon.stop()
    decided = _decisions(scene)
    events = {(event["_partition"], event["_offset"]): event for event in scene.dump(scene.folder / "dump.avro")[0]}
    busy = sorted(decided, key=lambda name: (-len(decided[name]), name))[:8]
    shown = {entity: json.loads(scene.outlierd.run("get", "--config", config, entity).stdout) for entity in busy}
    with scene.check("its_log_is_the_scored_events_in_order_of_time"):
        ends = scene.topics.ends(scene.input)
        for entity, state in shown.items():
            wanted = sorted((value["event_time"], value["offset"]) for value in decided[entity])
            assert [(event["time"], event["offset"]) for event in state["state"]["events"]] == wanted, entity
            assert state["applied_to_offset"] == ends[state["partition"]]
            for event in state["state"]["events"]:
                source = events[state["partition"], event["offset"]]
                assert event["fields"]["country"] == source["merchant"]["country"]
                assert decimal.Decimal(str(event["fields"]["amount"])) == source["amount"]
    with scene.check("its_features_are_those_that_the_next_event_gets"):
        seen = {}
        for entity in busy:
            following = next(event for event, _ in after if event["card_id"] == entity)
            at = datetime.datetime.fromtimestamp(following["event_time"] / 1000, datetime.timezone.utc).isoformat(
                "T", "milliseconds"
            )
            state = json.loads(scene.outlierd.run("get", "--config", config, "--at", at, entity).stdout)
            seen[following["transaction_id"]] = entity, state["features"]
        scene.send([record for _, record in after])
        scene.start(config)
        scene.wait_done()
        decided = _decisions(scene)
        for event_id, (entity, features) in seen.items():
            value = next(value for value in decided[entity] if value["event_id"] == event_id)
            if "late" not in value["flags"]:
                assert {name: features[name] for name in HISTORY_ONLY} == {
                    name: value["features"][name] for name in HISTORY_ONLY
                }
    with scene.check("an_unknown_entity_is_an_error"):
        assert "the entity has no state" in scene.outlierd.run("get", "--config", config, "nobody", status=65).stderr


def _decisions(scene):
    """All decisions by entity."""
    decided = {}
    for message in scene.topics.read(scene.decisions):
        value = json.loads(message.value)
        decided.setdefault(value["entity"], []).append(value)
    return decided


@case
def it_stops_in_time_while_a_service_is_away(scene):
    scene.create()
    away = free_port()
    redis = scene.redis()
    scene.send(scene.world.records[:100])
    for what, change in (
        ("kafka", lambda settings: settings["kafka"].update(bootstrap_servers=f"127.0.0.1:{away}")),
        ("redis", lambda settings: settings["state"]["redis"].update(address=f"tcp://127.0.0.1:{away}")),
        ("registry", lambda settings: settings["schema"].update(registry_urls=[f"http://127.0.0.1:{away}"])),
    ):
        with scene.check(what):
            settings = scene.settings(redis)
            change(settings)
            daemon = scene.start(scene.configure(settings, f"without-{what}.json"))
            time.sleep(3)
            assert daemon.get("/readyz")[0] == 503 and daemon.get("/livez")[0] == 200
            daemon.stop()


@case
def metrics_tell_of_redis_and_of_the_lag(scene):
    scene.create()
    redis = scene.redis("--maxmemory", "200mb", durable=True)
    daemon = scene.start(scene.configure(scene.settings(redis)))
    daemon.wait_ready()
    scene.send(scene.world.records[:500])
    scene.wait_done()

    def sample(name):
        return daemon.metrics()[f"outlierd_{name}"]

    with scene.check("memory_and_evictions"):
        assert sample("store_connected") == 1 and sample("store_reconnects_total") == 0
        assert sample("store_max_memory_bytes") == 200 << 20
        assert 500000 < sample("store_used_memory_bytes") < 200 << 20
        assert sample("store_evicted_keys_total") == 0
    with scene.check("the_lag_is_fresh"):
        lag = f'consumer_lag_records{{topic="{scene.input}",partition="0"}}'
        wait_until(lambda: sample(lag) == 0, 4, "no lag")
        producer = Producer({**scene.topics.client, "transactional.id": scene.prefix})
        producer.init_transactions()
        producer.begin_transaction()
        for _ in range(100):  # nobody may read them yet: the lag cannot be worked off before it is looked at
            producer.produce(scene.input, value=b"not framed at all", partition=0)
        producer.flush(10)
        wait_until(lambda: sample(lag) == 100, 4, "the lag of an open transaction")
        producer.commit_transaction()
        wait_until(lambda: sample(lag) == 1, 4, "no lag but the control record")
    with scene.check("an_outage"):
        redis.kill()
        scene.send(scene.world.records[500:600])
        wait_until(lambda: sample("store_connected") == 0, 10, "Redis is away")
        redis.start()
        wait_until(lambda: sample("store_connected") == 1, 10, "Redis is there again")
        assert sample("store_reconnects_total") == 1 and sample("store_retries_total") > 0
    daemon.stop()


@case
def pseudonyms_leave_no_identifier_anywhere(scene):
    scene.create()
    redis = scene.redis()
    settings = scene.settings(redis)
    settings["privacy"] = {"key_file": str(scene.folder / "key"), "pseudonymize": ["entity", "id", "merchant"]}
    (scene.folder / "key").write_bytes(b"0123456789abcdef0123456789abcdef")
    config = scene.configure(settings)
    scene.send(scene.world.records[:4000])
    daemon = scene.start(config)
    scene.wait_done()
    daemon.stop()
    with scene.check("alerts_and_decisions_equal_the_offline_run"):
        scene.expect_equal(scene.reference(config))
    with scene.check("nothing_that_went_out_names_a_card"):
        cards = {event["card_id"].encode() for event, _ in scene.world.events}
        ids = {event["transaction_id"].encode() for event, _ in scene.world.events}
        everything = [daemon.log().encode(), redis.ask("KEYS", "*").encode()]
        for topic in (scene.alerts, scene.decisions, scene.late, scene.dead):
            everything += [repr(message).encode() for message in scene.topics.read(topic)]
        for text in everything:
            words = set(re.findall(rb"[A-Za-z0-9_-]+", text))
            assert not words & cards and not words & ids, text[:500]
        assert len(everything) > 3000
    with scene.check("get_finds_an_entity_by_its_plain_name"):
        card = scene.world.events[0][0]["card_id"]
        assert card not in scene.outlierd.run("get", "--config", config, card).stdout


@case
def a_simulation_straight_into_a_topic_is_decided_and_kcat_reads_it(scene):
    scene.create()
    settings = scene.settings(scene.redis())
    settings["event"]["partitioner"] = "murmur2"
    config = scene.configure(settings)
    done = scene.outlierd.run(
        "simulate", "--events", 5000, "--cards", 100, "--days", 40, "--config", config, "--to-topic", scene.input
    )
    assert "5000" in done.stderr + done.stdout
    daemon = scene.start(config)
    scene.wait_done()
    daemon.stop()
    reference = scene.reference(config)
    scene.expect_equal(reference)
    assert reference.outcomes["scored"] > 4900 and reference.outcomes["invalid"] == 0
    read = subprocess.run(
        [
            "kcat",
            "-C",
            "-q",
            "-e",
            "-b",
            scene.kafka.address,
            "-t",
            scene.alerts,
            "-X",
            "isolation.level=read_committed",
        ],
        capture_output=True,
        check=True,
        timeout=30,
    )
    expect_same("kcat", read.stdout.splitlines(), reference.alerts)


@case
def a_letter_that_would_be_too_large_is_replaced_by_its_hash(scene):
    scene.create()
    config = scene.configure(scene.settings(scene.redis()))
    template = scene.world.records[0]
    large = dataclasses.replace(template, value=b"\x01" + bytes(1048300), headers=(("large", b"x" * 20),))
    scene.send([template, large, dataclasses.replace(large, value=b"\x01small")])
    daemon = scene.start(config)
    scene.wait_done()
    daemon.stop()
    letters = {dict(letter.headers)["__connect.errors.offset"]: letter for letter in scene.topics.read(scene.dead)}
    assert letters[b"2"].value == b"\x01small"
    replaced = json.loads(letters[b"1"].value)
    assert replaced["sha256"] == hashlib.sha256(large.value).hexdigest() and replaced["bytes"] == len(large.value)
    assert (replaced["topic"], replaced["partition"], replaced["offset"]) == (scene.input, template.partition, 1)
    assert dict(letters[b"1"].headers)["outlierd.replaced"] == b"size"


@case
def check_online_names_what_is_right_and_what_is_not(scene):
    scene.create()
    redis = scene.redis()
    settings = scene.settings(redis)
    scene.send(scene.world.records[:2000])
    with scene.check("all_services_there"):
        text = scene.outlierd.run("check", "--config", scene.configure(settings), "--online").stdout
        for what in ("ok", "warning"):
            assert what in text, text
    with scene.check("redis_away"):
        redis.kill()
        done = scene.outlierd.run("check", "--config", scene.configure(settings), "--online", status=69)
        assert "error" in done.stdout and "edis" in done.stdout
