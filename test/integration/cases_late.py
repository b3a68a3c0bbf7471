"""`outlierd late`: its numbers are those of a recount. Amendments: what late events change, once, whatever is killed."""

import json
import math
import random
import time

import fastavro
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from catalog import case
from scene import expect_same, plain_numbers
from servers import wait_until
from stream import PARTITIONS, Encoder, clean, simulate


class Recount:
    """Lateness of the good events of a topic, by the definition of the watermark: the second entity's greatest time."""

    def __init__(self, decisions, letters):
        self.behind, self.by = [], {}
        records = sorted([(d["partition"], d["offset"], d["event_time"], d["entity"], True) for d in decisions] + letters)
        for partition in range(PARTITIONS):
            greatest = {}
            for _, _, time, entity, scored in (r for r in records if r[0] == partition):
                clocks = sorted(greatest.values())
                late = max(0, clocks[-2] - time) if len(clocks) > 1 else 0
                self.behind.append(late)
                self.by.setdefault(entity, []).append(late)
                if scored and time > greatest.get(entity, -math.inf):
                    greatest[entity] = time
        self.behind.sort()

    def quantile(self, p):
        return self.behind[max(1, math.ceil(round(p * len(self.behind), 6))) - 1]


@case
def lateness_is_counted_by_key_and_as_a_distribution(scene):
    scene.create()
    config = scene.configure(scene.settings(scene.redis()))
    scene.send(scene.world.records)
    daemon = scene.start(config)
    scene.wait_done()
    daemon.stop()
    decisions = [json.loads(message.value) for message in scene.topics.read(scene.decisions)]
    events, _ = scene.dump(scene.folder / "dump.avro")
    times = {(e["_partition"], e["_offset"]): e for e in events}
    letters = []
    for message in scene.topics.read(scene.late):
        headers = dict(message.headers)
        place = int(headers["__connect.errors.partition"]), int(headers["__connect.errors.offset"])
        event = times[place]
        moment = event["event_time"]
        moment = moment if isinstance(moment, int) else round(moment.timestamp() * 1000)
        letters.append((*place, moment, event["card_id"], False))
    recount = Recount(decisions, letters)
    done = scene.outlierd.run("late", "--config", config, "--by", "key", "--json", "--loss", "0,0.001,0.01")
    found = json.loads(done.stdout)
    with scene.check("all"):
        assert found["events"] == len(recount.behind) and found["too_late"] == len(letters) > 50, found
        assert found["late"] == sum(b > 0 for b in recount.behind) > 100, found
        for name, p in (("p50_ms", 0.5), ("p90_ms", 0.9), ("p99_ms", 0.99), ("p999_ms", 0.999), ("max_ms", 1)):
            assert found[name] == recount.quantile(p), (name, found[name], recount.quantile(p))
    with scene.check("losses"):
        assert [loss["allowed_lateness_ms"] for loss in found["losses"]] == [recount.quantile(1 - p) for p in (0, 0.001, 0.01)]
    with scene.check("groups"):
        assert len(found["groups"]) == 20
        for group in found["groups"]:
            assert group["late"] == sum(b > 0 for b in recount.by[group["value"]]), group
            assert group["max_ms"] == max(recount.by[group["value"]]), group
    with scene.check("tables_and_wrong_options"):
        said = scene.outlierd.run("late", "--config", config, "--by", "channel").stdout
        assert "to lose at most 0.1 % of the events: allowed_lateness" in said and "\nall " in said and "\nATM " in said, said
        for arguments, wanted in ((("--by", "amount"), "--by amount: expected key or a string field of"),
                                  (("--loss", "1"), "--loss: expected a share from 0 to below 1")):
            assert wanted in scene.outlierd.run("late", "--config", config, *arguments, status=64).stderr


BUSY = {"events": 8000, "cards": 40, "days": 10, "late": 0.05}  # several events of a card before a late one comes
RATE = 1500  # records a second: about five seconds of load
KILLS = 5


def _records_counted(daemon):
    return sum(value for name, value in daemon.metrics().items() if name.startswith("outlierd_records_total"))


def _busy_cards(scene):
    path = simulate(scene.outlierd.run, scene.folder / "busy.jsonl", 31, **BUSY)
    return [record for _, record in clean(path, Encoder(scene.world.registry.url))]


def _configure_amendments(scene, most, **output):
    settings = scene.settings(scene.redis())
    settings["event"]["allowed_lateness"] = "8h"  # of what the simulation sends too late nothing is lost
    settings["state"]["max_events"] = 1024
    settings["limits"] = {"batch_records": 300, "write_interval": "1s", "amendments": most}
    settings["output"]["amendments"] = {"topic": f"{scene.prefix}.amendments"} | output
    scene.topics.create([f"{scene.prefix}.amendments"], 2)
    return scene.configure(settings)


def _score_amendments(scene, config, source):
    """What `score --config` makes of a file: amendments in their order, decisions by their place and by event id."""
    paths = {name: scene.folder / f"{source.stem}.{name}.jsonl" for name in ("amendments", "decisions")}
    options = [option for name, path in paths.items() for option in (f"--{name}", path)]
    scene.outlierd.run("score", "--config", config, "--input", source, *options)
    return [[json.loads(line) for line in path.read_text().splitlines()] for path in paths.values()]


def _sort_by_event_time(scene, source, decisions):
    """The scored events as if each had come in time: the order of their offsets is that of their times."""
    scored = {(d["partition"], d["offset"]) for d in decisions}
    with open(source, "rb") as file:
        reader = fastavro.reader(file)
        schema = reader.writer_schema
        events = [event for event in reader if (event["_partition"], event["_offset"]) in scored]
    events.sort(key=lambda event: (event["_partition"], event["event_time"], event["_offset"]))
    for number, event in enumerate(events):
        event["_offset"] = number
    path = scene.folder / "in-time.avro"
    with open(path, "wb") as file:
        fastavro.writer(file, schema, events)
    return path


def _check_amended(amendments, decisions, in_time):
    """Each amendment goes on where the decision, or the last amendment of it, stood; the last says what had been in time."""
    places = {(d["partition"], d["offset"]): d for d in decisions}
    stand = {d["event_id"]: dict(d["features"], score=d["score"], flagged=d["flagged"]) for d in decisions}
    for amendment in amendments:
        decision = places[amendment["partition"], amendment["offset"]]
        late = places[amendment["partition"], amendment["late"]["offset"]]
        assert decision["entity"] == late["entity"] == amendment["entity"]
        assert late["event_time"] < decision["event_time"] and late["offset"] > decision["offset"], amendment
        now = stand[decision["event_id"]]
        assert (now["score"], now["flagged"]) == (amendment["old_score"], amendment["old_flagged"]), amendment
        for feature in amendment["features"]:
            assert now[feature["feature"]] == feature["old"] != feature["new"], amendment
            now[feature["feature"]] = feature["new"]
        now |= {"score": amendment["new_score"], "flagged": amendment["new_flagged"]}
    for decision in in_time:
        wanted = dict(decision["features"], score=decision["score"], flagged=decision["flagged"])
        assert stand[decision["event_id"]] == wanted, (decision, stand[decision["event_id"]])
    return sum(stand[d["event_id"]]["score"] != d["score"] for d in decisions)


@case
def amendments_say_what_late_events_change_and_each_once(scene):
    scene.create()
    config = _configure_amendments(scene, 100, format="avro")
    generator = random.Random(23)
    sending = scene.send_behind(_busy_cards(scene), RATE)
    daemon = scene.start(config)
    daemon.wait_ready()
    for _ in range(KILLS):
        time.sleep(generator.uniform(0.3, 1.2))
        daemon.kill()
        daemon = scene.start(config)
    sending.result()
    scene.wait_done()
    topic = f"{scene.prefix}.amendments"
    deserialize = AvroDeserializer(SchemaRegistryClient({"url": scene.world.registry.url}))
    context = SerializationContext(topic, MessageField.VALUE)
    messages = scene.topics.read(topic)
    found = [deserialize(message.value, context) for message in messages]
    scene.dump(scene.folder / "dump.avro")
    wanted, decisions = _score_amendments(scene, config, scene.folder / "dump.avro")
    with scene.check("published_once_as_the_offline_run_makes_them"):
        assert len(wanted) > 100
        expect_same(topic, *([json.dumps(plain_numbers(a), sort_keys=True).encode() for a in side] for side in (found, wanted)))
        assert len({a["amendment_id"] for a in found}) == len(found)
        assert all(message.key.decode() == a["entity"] for message, a in zip(messages, found))
    with scene.check("decision_and_amendments_make_what_had_been_in_time"):
        _, in_time = _score_amendments(scene, config, _sort_by_event_time(scene, scene.folder / "dump.avro", decisions))
        changed = _check_amended(wanted, decisions, in_time)
        assert changed > 50, changed
    with scene.check("audit_confirms_them"):
        said = scene.outlierd.run("audit", "--config", config).stdout
        assert f", amendments {len(wanted)}," in said and "differences 0" in said, said
    with scene.check("metrics_count_them"):
        metrics = daemon.metrics()
        assert metrics["outlierd_amendments_cut_total"] == 0 and metrics["outlierd_amendments_total"] <= len(wanted)
    daemon.stop()


@case
def amendments_beyond_the_limit_are_counted(scene):
    scene.create()
    config = _configure_amendments(scene, 1)
    scene.send(_busy_cards(scene))
    daemon = scene.start(config)
    scene.wait_done()
    wait_until(lambda: _records_counted(daemon) == BUSY["events"], 10, "the last batch is counted")
    metrics = daemon.metrics()
    amendments = [json.loads(message.value) for message in scene.topics.read(f"{scene.prefix}.amendments")]
    late = {(a["partition"], a["late"]["offset"]) for a in amendments}
    assert len(late) == len(amendments) == metrics["outlierd_amendments_total"] > 100, (len(late), len(amendments))
    assert metrics["outlierd_amendments_cut_total"] > 100
    with scene.check("audit_confirms_them"):
        assert "differences 0" in scene.outlierd.run("audit", "--config", config).stdout
    daemon.stop()
