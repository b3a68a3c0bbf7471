"""It stops loudly rather than guess: wrong configurations, foreign models, logs and offsets that do not fit."""

import dataclasses
import json
import shutil

from catalog import case
from servers import wait_until

CONFIGURATION, HALTED = 78, 76


def _run_through(scene, config, records):
    """Sends, runs until all is committed, stops."""
    scene.send(records)
    daemon = scene.start(config)
    scene.wait_done()
    daemon.stop()


@case
def a_recreated_topic_halts(scene):
    scene.create()
    config = scene.configure(scene.settings(scene.redis()))
    _run_through(scene, config, scene.world.records[:4000])
    scene.topics.delete(scene.input)
    scene.topics.create([scene.input], 3)
    with scene.check("with_fewer_records_than_were_processed"):
        scene.send(scene.world.records[4000:5000])
        daemon = scene.start(config)
        daemon.wait_exit(HALTED)
        assert "the topic was truncated or recreated" in daemon.log()
        assert "Take a new pipeline name and group_id" in daemon.log()
    with scene.check("with_other_records_at_the_same_offsets"):
        scene.send(scene.world.records[5000:12000])
        daemon = scene.start(config, "--accept-state")
        daemon.wait_exit(HALTED)
        assert "is not the one that was applied last" in daemon.log()
    assert len(scene.topics.read(scene.decisions)) < 4000, "nothing of the new topic was decided"


@case
def lost_offsets_halt_until_the_state_is_accepted(scene):
    scene.create()
    config = scene.configure(scene.settings(scene.redis()))
    _run_through(scene, config, scene.world.records[:4000])
    scene.topics.delete_group(scene.prefix)
    scene.send(scene.world.records[4000:8000])
    with scene.check("halts_with_the_remedy"):
        daemon = scene.start(config)
        daemon.wait_exit(HALTED)
        assert "no committed offset any more" in daemon.log() and "--accept-state" in daemon.log()
    with scene.check("goes_on_at_the_state_when_told_to"):
        daemon = scene.start(config, "--accept-state")
        scene.wait_done()
        scene.expect_equal(scene.reference(config))
        daemon.stop()


@case
def offsets_set_back_halt_until_the_state_is_accepted(scene):
    scene.create()
    config = scene.configure(scene.settings(scene.redis()))
    _run_through(scene, config, scene.world.records[:4000])
    scene.topics.set_offset(scene.prefix, scene.input, 1, 100)
    with scene.check("halts_with_the_remedy"):
        daemon = scene.start(config)
        daemon.wait_log("offsets were set back")
        halted = 'outlierd_halted{partition="1",reason="ahead"}'
        wait_until(lambda: daemon.metrics().get(halted) == 1, 5, f"{halted} in /metrics")
        assert daemon.get("/readyz")[0] == 503
        daemon.stop()
    with scene.check("goes_on_at_the_state_when_told_to"):
        scene.send(scene.world.records[4000:6000])
        daemon = scene.start(config, "--accept-state")
        scene.wait_done()
        scene.expect_equal(scene.reference(config))
        daemon.stop()


@case
def a_grown_topic_halts(scene):
    scene.create()
    config = scene.configure(scene.settings(scene.redis()))
    _run_through(scene, config, scene.world.records[:1000])
    scene.topics.grow(scene.input, 5)
    daemon = scene.start(config)
    daemon.wait_exit(HALTED)
    assert "the topic has 5 partitions, the state was made with 3" in daemon.log()
    assert "Move to a new topic, pipeline name and group_id" in daemon.log()


@case
def a_broken_configuration_names_every_problem(scene):
    settings = scene.settings(scene.redis())
    settings["features"][3]["window"] = "a week"
    settings["features"][8].pop("lon")
    settings["policy"]["rules"][0]["when"][0]["feature"] = "speed"
    settings["kafka"]["properties"] = {"isolation.level": "read_uncommitted"}
    settings["outputs"] = {}
    config = scene.configure(settings)
    for command in ("check", "run"):
        with scene.check(f"{command}_exits_with_78"):
            text = scene.outlierd.run(command, "--config", config, status=CONFIGURATION).stderr
            for path in ("features[3].window", "features[8]", "policy.rules[0]", "kafka.properties", "outputs"):
                assert path in text, f"{path} is not named in:\n{text}"


@case
def a_redis_that_can_evict_is_refused(scene):
    scene.create()
    redis = scene.redis("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    config = scene.configure(scene.settings(redis))
    scene.send(scene.world.records[:100])
    daemon = scene.start(config)
    daemon.wait_exit(CONFIGURATION)
    assert "maxmemory-policy" in daemon.log() and "allkeys-lru" in daemon.log() and "noeviction" in daemon.log()
    assert redis.ask("DBSIZE") == "0"


@case
def a_model_of_other_features_is_refused_with_both_ids(scene):
    scene.create()
    settings = scene.settings(scene.redis())
    settings["features"][4]["window"] = "2h"
    config = scene.configure(settings)
    first = scene.world.model_ids[0]
    trained = json.loads((scene.world.models / f"{first}.json").read_text())["feature_set_id"]
    with scene.check("by_model_promote"):
        text = scene.outlierd.run("model", "promote", "--config", config, first, status=65).stderr
        assert first in text and trained in text
        configured = text.rsplit(" ", 1)[-1].strip()
        assert len(configured) == 64 and configured != trained
    with scene.check("by_run_which_decides_by_rules_alone_and_says_so"):
        scene.send(scene.world.records[:2000])
        daemon = scene.start(config)
        scene.wait_done()
        assert trained in daemon.log() and configured in daemon.log()
        decisions = [json.loads(message.value) for message in scene.topics.read(scene.decisions)]
        assert decisions and all(
            "fallback" in d["flags"] and d["score"] is None and d["model_id"] is None for d in decisions
        )
        wait_until(lambda: daemon.metrics()["outlierd_fallback"] == 1, 5, "/metrics says fallback")
        daemon.stop()
    with scene.check("offline_rules_alone_give_the_same_bytes"):
        scene.expect_equal(scene.reference(config))


@case
def a_model_that_is_damaged_is_refused(scene):
    scene.create()
    config = scene.configure(scene.settings(scene.redis()))
    models = scene.folder / "models"
    first, second = scene.world.model_ids
    scene.send(scene.world.records[:100])
    daemon = scene.start(config)
    scene.wait_done()
    with open(models / f"{second}.json", "r+b") as file:
        file.seek(1000)
        file.write(b"\0")
    text = scene.outlierd.run("model", "promote", "--config", config, second, status=65).stderr
    assert second in text
    (models / "current").write_text(second + "\n")
    daemon.signal(1)
    daemon.wait_log("the model stays as it is")
    scene.send(scene.world.records[100:200])
    scene.wait_done()
    assert {json.loads(message.value)["model_id"] for message in scene.topics.read(scene.decisions)} == {first}
    daemon.stop()
    shutil.rmtree(models)


@case
def too_many_dead_letters_halt_the_partition(scene):
    scene.create()
    settings = scene.settings(scene.redis())
    settings["limits"]["dead_letters"] = 0.01
    config = scene.configure(settings)
    healthy = [record for record in scene.world.records if record.partition == 0][:1000]
    broken = [record for record in healthy if record.reason is None]
    scene.send(healthy + [dataclasses.replace(record, value=b"broken") for record in broken[:300]] + healthy)
    daemon = scene.start(config)
    daemon.wait_log("more than limits.dead_letters allows")
    daemon.stop()
