"""`outlierd late`: its numbers are those of a recount."""

import json
import math

from catalog import case
from stream import PARTITIONS


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
