"""The daemon as a service: notifications to systemd, health, the state as `get` shows it, `check --online`."""
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


@case
def get_shows_the_state_that_the_events_made(scene):
    scene.create()
    config = scene.configure(scene.settings(scene.redis()))
    records = scene.world.records[:3000]
    scene.send(records)
    daemon = scene.start(config)
    scene.wait_done()
    daemon.stop()
    reference = scene.reference(config)
    times = {}
    for value in map(json.loads, reference.decisions):
        times.setdefault(value["entity"], []).append((value["event_time"], value["offset"]))
    entity = max(times, key=lambda name: len(times[name]))
    shown = json.loads(scene.outlierd.run("get", "--config", config, entity).stdout)
    text = json.dumps(shown)
    assert shown["applied_to_offset"] == scene.topics.ends(scene.input)[shown["partition"]]
    assert f'{times[entity][-1][1]}' in text, "the last event's offset is in the log"
    assert set(shown["features"]) == {feature["name"] for feature in scene.settings(scene.servers[0])["features"]}
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
