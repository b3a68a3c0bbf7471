"""`outlierd replay`: a stretch of the topic again, exactly once, beside a live pipeline that does not notice."""

import json
import signal
import time

from catalog import case
from daemons import Daemon
from scene import expect_same
from servers import wait_until
from stream import PARTITIONS, Record


def _inside(messages, since, until):
    """Values of messages whose record lies in the stretch."""
    found = []
    for message in messages:
        value = json.loads(message.value)
        if since[value["partition"]] <= value["offset"] < until[value["partition"]]:
            found.append(message.value)
    return found


def _edge(offsets):
    return ",".join(f"{p}:{o}" for p, o in sorted(offsets.items()))


def _groups(scene):
    listed = scene.topics.admin.list_consumer_groups().result()
    return {group.group_id for group in listed.valid}


def _values(scene, topic):
    return [message.value for message in scene.topics.read(topic)]


def _state(redis):
    """Every key and its value."""
    keys = sorted(redis.ask("KEYS", "*").split())
    return {key: redis.ask("--no-raw", "GET", key) for key in keys}


class Replaying(Daemon):
    """A replay in the background."""

    COMMAND = "replay"


@case
def a_replay_gives_what_the_daemon_gave(scene):
    scene.create()
    redis = scene.redis()
    config = scene.configure(scene.settings(redis))
    scene.send(scene.world.records)
    daemon = scene.start(config)
    scene.wait_done()
    daemon.stop()
    live = {topic: _values(scene, topic) for topic in (scene.alerts, scene.decisions, scene.late, scene.dead)}
    state = _state(redis)
    committed = scene.topics.committed(scene.prefix, scene.input, PARTITIONS)
    ends = scene.topics.ends(scene.input)
    with scene.check("of_the_whole_topic"):
        done = scene.outlierd.run("replay", "--config", config, "--from", "earliest", "--name", "all")
        for topic, values in live.items():
            expect_same(topic, _values(scene, f"{topic}.all"), values)
        assert f"replayed {len(scene.world.records)} records: scored {len(live[scene.decisions])}" in done.stdout, done.stdout
    since = {p: end // 2 for p, end in ends.items()}
    until = {p: end * 3 // 4 for p, end in ends.items()}
    with scene.check("of_a_stretch"):
        done = scene.outlierd.run("replay", "--config", config, "--from", _edge(since), "--to", _edge(until))
        for topic in (scene.alerts, scene.decisions):
            wanted = _inside(scene.topics.read(topic), since, until)
            assert len(wanted) > 30
            expect_same(topic, _values(scene, f"{topic}.replay"), wanted)
        history = int(done.stdout.split("history ")[1].split(";")[0])
        assert history > 1000, done.stdout
    with scene.check("live_group_state_and_topics_are_as_before"):
        assert _state(redis) == state
        assert scene.topics.committed(scene.prefix, scene.input, PARTITIONS) == committed
        assert {topic: _values(scene, topic) for topic in live} == live
    with scene.check("nothing_of_it_is_left"):
        assert not [group for group in _groups(scene) if group.startswith(f"{scene.prefix}.")], _groups(scene)
    with scene.check("topics_of_the_live_pipeline_are_refused"):
        for option, topic in (("--alerts", scene.alerts), ("--decisions", scene.input), ("--late", scene.dead)):
            done = scene.outlierd.run("replay", "--config", config, "--from", "earliest", option, topic, status=64)
            assert f"{topic} is a topic of the live pipeline" in done.stderr, done.stderr


def _compare(scene, config, *arguments, status=0):
    report = scene.folder / "report.json"
    done = scene.outlierd.run("replay", "--config", config, "--from", "earliest", "--compare", "--report", report,
                              *arguments, status=status)
    return json.loads(report.read_text()), done.stdout


@case
def a_comparison_names_what_is_other_and_why(scene):
    scene.create()
    settings = scene.settings(scene.redis())
    config = scene.configure(settings)
    scene.send(scene.world.records)
    daemon = scene.start(config)
    scene.wait_done()
    daemon.stop()
    alerts = [json.loads(value) for value in _values(scene, scene.alerts)]
    decisions = [json.loads(value) for value in _values(scene, scene.decisions)]
    ends = scene.topics.ends(scene.input)
    with scene.check("nothing_where_nothing_has_changed"):
        found, said = _compare(scene, config)
        assert found["differences"] == 0 and found["equal"] == found["decisions"] == len(decisions), found
        assert found["alerts_recorded"] == found["alerts_now"] == len(alerts), found
        assert found["records"] == len(scene.world.records), found
        assert f"compared {len(decisions)} decisions" in said, said
        since = _edge({p: end // 2 for p, end in ends.items()})
        found, _ = _compare(scene, config, "--to", since)
        assert found["differences"] == 0 and 0 < found["equal"] < len(decisions), found
    with scene.check("another_policy"):
        changed = json.loads(json.dumps(settings))
        changed["policy"]["rules"] = []
        found, _ = _compare(scene, scene.configure(changed, "policy.json"), status=65)
        ruled = {(a["partition"], a["offset"]) for a in alerts if a["score"] < a["threshold"] or "warming" in a["flags"]}
        assert found["causes"]["policy"] == found["differences"] == len(decisions), found
        assert found["changes"]["alert_gone"] == len(ruled) > 0 and found["changes"]["new_alert"] == 0, found
    with scene.check("another_model"):
        other = next(m for m in scene.world.model_ids if m != alerts[0]["model_id"])
        scene.outlierd.run("model", "promote", "--config", config, other)
        found, _ = _compare(scene, config, "--examples", "3", status=65)
        assert found["causes"]["model"] == found["differences"] and len(found["examples"]) == 3, found
        assert found["changes"]["new_alert"] + found["changes"]["alert_gone"] > 0, found
        scene.outlierd.run("model", "rollback", "--config", config)
    with scene.check("a_decision_that_is_missing_and_one_too_many"):
        messages = scene.topics.read(scene.decisions)
        value = json.loads(messages[7].value)
        refused = next(o for o in range(10**6) if (0, o) not in {(d["partition"], d["offset"]) for d in decisions})
        copy = f"{scene.prefix}.copy"
        scene.topics.create([copy], 2)
        forged = json.dumps(value | {"partition": 0, "offset": refused}).encode()
        scene.topics.send(copy, [
            Record(m.partition, m.timestamp, key=m.key, value=forged if i == 7 else m.value, headers=tuple(m.headers))
            for i, m in enumerate(messages)
        ])
        changed = json.loads(json.dumps(settings))
        changed["output"]["decisions"]["topic"] = copy
        found, _ = _compare(scene, scene.configure(changed, "copy.json"), status=65)
        assert found["differences"] == 2 and found["causes"]["unrecorded"] == 2, found
        assert {(e["partition"], e["offset"]) for e in found["examples"]} == {
            (0, refused), (value["partition"], value["offset"])}, found


@case
def a_replay_goes_on_after_kill_9(scene):
    scene.create()
    redis = scene.redis()
    config = scene.configure(scene.settings(redis))
    scene.send(scene.world.records)
    reference = scene.reference(config)
    ends = scene.topics.ends(scene.input)
    since = {p: end // 4 for p, end in ends.items()}
    arguments = ["--from", _edge(since), "--keep"]

    def begin(rate=4000):
        log = scene.folder / f"replay-{len(scene.daemons)}.log"
        replay = Replaying(scene.outlierd.binary, config, log, *arguments, "--rate", str(rate))
        scene.daemons.append(replay)
        return replay

    def committed():
        found = scene.topics.committed(f"{scene.prefix}.replay", scene.input, PARTITIONS)
        return sum(found[p][0] - since[p] for p in ends if found[p] is not None)

    total = sum(ends.values()) - sum(since.values())
    replay = begin(1000)
    wait_until(lambda: committed() > total // 20, 60, "a twentieth is replayed")
    with scene.check("a_second_one_of_the_name_is_refused"):
        done = scene.outlierd.run("replay", "--config", config, *arguments, status=69)
        assert "a replay named replay is running already" in done.stderr, done.stderr
        assert replay.process.poll() is None
    replay.signal(signal.SIGKILL)
    replay.process.wait()
    with scene.check("other_arguments_are_refused"):
        time.sleep(4)
        done = scene.outlierd.run("replay", "--config", config, "--from", "earliest", status=64)
        assert "was begun with other arguments and is not done" in done.stderr, done.stderr
    for share in (0.4, 0.6):
        replay = begin()
        wait_until(lambda: committed() > total * share, 60, f"{share} are replayed")
        replay.signal(signal.SIGKILL)
        replay.process.wait()
    replay = begin()
    wait_until(lambda: committed() > total * 0.7, 60, "0.7 are replayed")
    replay.signal(signal.SIGTERM)
    replay.wait_exit(69)
    assert "the same command goes on" in replay.log(), replay.log()
    replay = begin()
    replay.wait_exit(0)
    with scene.check("everything_once"):
        for topic, values in ((scene.alerts, reference.alerts), (scene.decisions, reference.decisions)):
            wanted = [v for v in values if json.loads(v)["offset"] >= since[json.loads(v)["partition"]]]
            expect_same(topic, _values(scene, f"{topic}.replay"), wanted)
    with scene.check("kept_state_and_offsets_are_deleted_when_asked"):
        assert redis.ask("KEYS", f"{scene.prefix}.replay:*")
        scene.outlierd.run("replay", "--config", config, "--from", "latest", "--discard")
        assert not redis.ask("KEYS", "*")
        assert not [group for group in _groups(scene) if group.startswith(f"{scene.prefix}.")], _groups(scene)
