"""The daemon as a service: notifications to systemd, health, the state as `get` shows it, `check --online`."""
import decimal
import json
import os

from catalog import case
from servers import wait_until


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


HISTORY_ONLY = ("count_1h", "count_30d", "share_1h", "since_previous", "small_10m", "night_cash_1d", "hour")


@case
def get_shows_the_state_that_the_events_made(scene):
    scene.create()
    config = scene.configure(scene.settings(scene.redis()))
    records = scene.world.records
    scene.send(records[:3000])
    daemon = scene.start(config)
    scene.wait_done()
    daemon.stop()
    end = scene.topics.ends(scene.input)
    events = {(event["_partition"], event["_offset"]): event for event in scene.dump(scene.folder / "dump.avro")[0]}
    decided = {}
    for message in scene.topics.read(scene.decisions):
        value = json.loads(message.value)
        decided.setdefault(value["entity"], []).append(value)
    busy = sorted(decided, key=lambda name: -len(decided[name]))[:8]
    shown = {entity: json.loads(scene.outlierd.run("get", "--config", config, entity).stdout) for entity in busy}
    with scene.check("its_log_is_the_scored_events_in_order_of_time"):
        for entity, state in shown.items():
            wanted = sorted((value["event_time"], value["offset"]) for value in decided[entity])
            assert [(event["time"], event["offset"]) for event in state["state"]["events"]] == wanted, entity
            assert state["applied_to_offset"] == end[state["partition"]]
            for event in state["state"]["events"]:
                source = events[state["partition"], event["offset"]]
                assert event["fields"]["country"] == source["merchant"]["country"]
                assert decimal.Decimal(str(event["fields"]["amount"])) == source["amount"]
    with scene.check("its_features_are_those_that_the_next_event_gets"):
        scene.send(records[3000:6000])
        scene.start(config)
        scene.wait_done()
        after = [json.loads(message.value) for message in scene.topics.read(scene.decisions)]
        for entity, state in shown.items():
            later = sorted((value for value in after if value["entity"] == entity), key=lambda value: value["offset"])
            value = later[len(decided[entity])]
            if "late" not in value["flags"]:
                _check_next(scene, config, entity, value)
    with scene.check("an_unknown_entity_is_an_error"):
        assert "the entity has no state" in scene.outlierd.run("get", "--config", config, "nobody", status=65).stderr


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
