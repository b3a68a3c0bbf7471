"""Two pipelines in a row, the example's: the second reads what the first publishes enriched. Whichever is killed, what comes
out at the end is there once, byte for byte as the offline chain makes it of the records that stand committed between them."""

import collections
import json
import random
import shutil
import time

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from catalog import case
from scene import expect_same, plain_numbers
from servers import ROOT, wait_until
from stream import PARTITIONS

EXAMPLE = ROOT / "docs" / "examples" / "two-stage"
MIDDLE_PARTITIONS = 4  # other than upstream: each of its partitions gets events from all three
RATE = 1500  # records a second: about fourteen seconds of load
KILLS = 10


def _configure(scene, stage, redis):
    """The example's configuration with this test's servers, names and topics, and decisions beside the alerts."""
    config = json.loads((EXAMPLE / f"{stage}.json").read_text())
    name = f"{scene.prefix}.{stage}"
    config["pipeline"] = name
    config["kafka"] |= {
        "bootstrap_servers": scene.kafka.address,
        "input_topic": scene.input if stage == "first" else f"{scene.prefix}.middle",
        "group_id": name,
        "instance_id": f"{name}-1",
        "session_timeout": "3s",
    }
    config["schema"]["registry_urls"] = [scene.world.registry.url]
    config["state"] = {"redis": {"address": redis.address, "namespace": name}, "max_events": 64}
    outputs = {kind: f"{name}.{kind}" for kind in ("alerts", "decisions", "late", "dead_letters")}
    scene.topics.create(outputs.values(), 2)
    for kind, topic in outputs.items():
        config["output"].setdefault(kind, {})["topic"] = topic
    if stage == "first":
        config["output"]["enriched"]["topic"] = f"{scene.prefix}.middle"
    config["http"]["listen"] = "127.0.0.1:0"
    config["limits"] = {"batch_records": 300, "write_interval": "1s"}
    models = scene.folder / "models" / stage
    if not models.exists():
        shutil.copytree(EXAMPLE / "models" / stage, models)
    path = scene.folder / f"{stage}.json"
    path.write_text(json.dumps(config, indent=1))
    return path, outputs


def _read_middle(scene):
    """The enriched events that stand committed, decoded by Confluent's own client, with their coordinates."""
    topic = f"{scene.prefix}.middle"
    deserialize = AvroDeserializer(SchemaRegistryClient({"url": scene.world.registry.url}))
    context = SerializationContext(topic, MessageField.VALUE)
    return [(message, deserialize(message.value, context)) for message in scene.topics.read(topic)]


def _score(scene, config, source, *names):
    """What `score --config` makes of a file: the lines of each of these outputs."""
    paths = {name: scene.folder / f"{config.stem}.{name}.jsonl" for name in names}
    options = [option for name, path in paths.items() for option in (f"--{name}", path)]
    scene.outlierd.run("score", "--config", config, "--input", source, *options)
    return {name: path.read_bytes().splitlines() for name, path in paths.items()}


def _wait_second(scene, group):
    """Until the second stage has committed all that stands committed between the two."""
    wanted = collections.Counter()
    for message, _ in _read_middle(scene):
        wanted[message.partition] = max(wanted[message.partition], message.offset + 1)

    def done():
        found = scene.topics.committed(group, f"{scene.prefix}.middle", MIDDLE_PARTITIONS)
        return all(found[p] is not None and found[p][0] >= end for p, end in wanted.items())

    wait_until(done, 120, "the second stage has committed everything", every=0.1)


def _check_chain(scene, first, second, outputs):
    middle = _read_middle(scene)
    scene.dump(scene.folder / "dump.avro")
    with scene.check("what_is_enriched_is_what_the_offline_run_makes_once"):
        wanted = _score(scene, first, scene.folder / "dump.avro", "enriched")["enriched"]
        assert len(wanted) > 15000
        expect_same(
            "enriched",
            [repr(plain_numbers(event)).encode() for _, event in middle],
            [repr(plain_numbers(json.loads(line))).encode() for line in wanted],
        )
        assert all(message.key.decode() == event["fields"]["merchant"] for message, event in middle)
    lines = scene.folder / "middle.jsonl"
    with open(lines, "w") as file:
        for message, event in middle:
            place = {
                "_partition": message.partition,
                "_offset": message.offset,
                "_timestamp": message.timestamp,
                "_key": message.key.decode(),
            }
            file.write(json.dumps(event | place) + "\n")
    with scene.check("alerts_and_decisions_of_the_second_stage_have_the_same_bytes_once"):
        chain = _score(scene, second, lines, "alerts", "decisions")
        for kind, wanted in chain.items():
            found = [message.value for message in scene.topics.read(outputs[kind])]
            expect_same(outputs[kind], found, wanted)
        assert len(chain["decisions"]) == len(middle), "the second stage scores all that the first has scored"
    with scene.check("letters_of_the_second_stage_there_are_none"):
        assert not scene.topics.read(outputs["late"]) and not scene.topics.read(outputs["dead_letters"])


def _wait_first(scene):
    ends = scene.topics.ends(scene.input)

    def done():
        found = scene.topics.committed(f"{scene.prefix}.first", scene.input, PARTITIONS)
        return all(found[p] is not None and found[p][0] == end for p, end in ends.items())

    wait_until(done, 120, "the first stage has committed everything", every=0.1)


def _kill_both_at_random(scene, running, generator):
    kills = collections.Counter()
    for _ in range(KILLS):
        time.sleep(generator.uniform(0.2, 1.5))
        for config in generator.sample(sorted(running), generator.choice([1, 1, 1, 2])):
            running[config].kill()
            kills[config.stem] += 1
            running[config] = scene.start(config)
    assert len(kills) == 2 and min(kills.values()) >= 3, f"both are killed: {kills}"


@case
def two_stages_are_exactly_once_whichever_is_killed(scene):
    scene.topics.create([scene.input], PARTITIONS)
    scene.topics.create([f"{scene.prefix}.middle"], MIDDLE_PARTITIONS)
    redis, generator = scene.redis(), random.Random(17)
    first, _ = _configure(scene, "first", redis)
    second, outputs = _configure(scene, "second", redis)
    most = len(scene.world.records) * 9 // 10
    sending = scene.send_behind(scene.world.records[:most], RATE)
    running = {config: scene.start(config) for config in (first, second)}
    for daemon in running.values():
        daemon.wait_ready()
    _kill_both_at_random(scene, running, generator)
    sending.result()
    _wait_first(scene)
    _wait_second(scene, f"{scene.prefix}.second")
    for daemon in running.values():
        assert daemon.metrics()["outlierd_rebuilds_total"] == 0, "Redis lost nothing, so nothing is rebuilt"
    # The second stage finds no state when it comes back: it is rebuilt, upstream partitions and all.
    running[second].kill()
    settings = json.loads(second.read_text())
    settings["state"]["redis"]["namespace"] += ".again"
    second.write_text(json.dumps(settings, indent=1))
    scene.send(scene.world.records[most:])
    running[second] = scene.start(second)
    _wait_first(scene)
    _wait_second(scene, f"{scene.prefix}.second")
    metrics = running[second].metrics()
    assert metrics["outlierd_rebuilds_total"] >= MIDDLE_PARTITIONS
    assert 0 < metrics["outlierd_reapplied_records_total"] < most, "a rebuild begins where it can still matter"
    _check_chain(scene, first, second, outputs)
    with scene.check("both_stages_pass_their_audit"):
        for config in (first, second):
            said = scene.outlierd.run("audit", "--config", config).stdout
            assert "differences 0" in said and ("enriched events" in said) == (config == first), said
    with scene.check("decisions_of_the_second_stage_are_made_again"):
        decisions = [json.loads(message.value) for message in scene.topics.read(outputs["decisions"])]
        last = max(decisions, key=lambda d: d["offset"])
        flagged = next(d for d in reversed(decisions) if d["flagged"])
        for decision in (decisions[len(decisions) // 2], flagged, last):
            place = f"{decision['partition']}:{decision['offset']}"
            said = scene.outlierd.run("explain", "--config", second, "--at", place).stdout
            assert "match: every byte published is what the topic gives" in said, said
        said = scene.outlierd.run("replay", "--config", second, "--from", "earliest", "--compare").stdout
        assert f"compared {len(decisions)} decisions" in said, said
    for daemon in running.values():
        daemon.stop()
