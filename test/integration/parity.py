#!/usr/bin/env python3
"""The promise of parity over a long stream: a topic of a million events, late, duplicate and poisonous ones among them, goes
through the daemon, through `features --from` and, as a file, through `features --input`: the same bits from all three.

    parity.py --binary build/outlierd [--events 1000000] [--seed 1]
"""

import argparse
import collections
import concurrent.futures
import filecmp
import json
import pathlib
import random
import re
import shutil
import tempfile
import time
import warnings

warnings.filterwarnings("ignore", category=DeprecationWarning)  # of packages: nothing that these tests could mend

from daemons import Outlierd
from scene import Scene
from servers import Kafka, Registry
from stream import Record
from topics import Topics
from world import settings

PARTITIONS = 4
POISON_EVERY = 200
DONE_SECONDS = 900


class Stage:
    """What a scene needs of a world."""

    def __init__(self, folder, outlierd, kafka, registry, topics, models):
        self.folder, self.outlierd, self.kafka, self.registry, self.topics = folder, outlierd, kafka, registry, topics
        self.models, self.senders, self.framing = models, concurrent.futures.ThreadPoolExecutor(1), None


def train(outlierd, folder):
    """A model of another simulation, champion of its directory."""
    config, vectors, models = folder / "train.json", folder / "train.csv", folder / "models"
    config.write_text(json.dumps(settings()))
    events = folder / "train.avro"
    outlierd.run("simulate", "--events", "50000", "--cards", "1000", "--seed", "99", "--coordinates", PARTITIONS,
                 "--output", events)
    outlierd.run("features", "--config", config, "--input", events, "--output", vectors)
    outlierd.run("train", "--config", config, "--input", vectors, "--output", f"{models}/")
    return models


def poison(count, seed):
    """Records that are no events: garbage, no value, no key, framing of an unknown schema."""
    rng = random.Random(seed)
    now = int(time.time() * 1000)
    kinds = (lambda: rng.randbytes(rng.randrange(1, 60)), lambda: None, lambda: b"\0\0\0\1\2" + rng.randbytes(20), lambda: b"")
    return [
        Record(rng.randrange(PARTITIONS), now, key=rng.choice([None, b"card-00000001", b"x"]), value=kinds[i % 4]())
        for i in range(count)
    ]


def last_line(text):
    """Numbers of "read N: scored N, ..." by name."""
    line = text.strip().splitlines()[-1]
    return {name: int(number) for name, number in re.findall(r"(\w+) (\d+)", line.replace("read ", "read ", 1))}


def check(results, name, good, detail=""):
    print(f"{'ok  ' if good else 'FAIL'} {name}{': ' + detail if detail else ''}", flush=True)
    results.append(good)


def run(options, folder, kafka, registry, results):
    outlierd, topics = Outlierd(options.binary.resolve()), Topics(kafka.address)
    stage = Stage(folder, outlierd, kafka, registry, topics, train(outlierd, folder))
    scene = Scene(stage, "parity", 1)
    try:
        scene.create(PARTITIONS)
        config = scene.settings(scene.redis())
        config["limits"] = {"dead_letters": 1, "late": 1, "parity_share": 0.01}
        config = scene.configure(config)
        sent = scene.send_behind(poison(options.events // POISON_EVERY, options.seed), options.events / POISON_EVERY / 5)
        outlierd.run("simulate", "--events", options.events, "--cards", "10000", "--seed", options.seed, "--late", "0.02",
                     "--duplicates", "0.01", "--days", "60", "--to-topic", scene.input, "--bootstrap-servers", kafka.address,
                     "--schema-registry", registry.url)
        sent.result()
        began = time.monotonic()
        daemon = scene.start(config)
        scene.wait_done(DONE_SECONDS)
        print(f"the daemon took {time.monotonic() - began:.1f} s", flush=True)
        time.sleep(1.5)
        judged = daemon.metrics()
        daemon.stop()
        stage.framing = collections.Counter(m.value[:5] for m in topics.read(scene.input) if m.value).most_common(1)[0][0]
        topic, file = folder / "topic.csv", folder / "file.csv"
        said = last_line(outlierd.run("features", "--config", config, "--from", "earliest", "--output", topic).stderr)
        check(results, "all outcomes occur", all(said[name] > 0 for name in ("scored", "duplicate", "too_late", "invalid")),
              json.dumps(said))
        counted = scene.committed_records()
        check(results, "the daemon counts the same", all(counted[name] == said[name] for name in counted), str(dict(counted)))
        events, left_out = scene.dump(folder / "dump.avro")
        of_file = last_line(outlierd.run("features", "--config", config, "--input", folder / "dump.avro", "--output", file).stderr)
        check(results, "a file of the records gives the same bytes", filecmp.cmp(topic, file, shallow=False),
              f"{topic.stat().st_size} bytes, {len(events)} events and {left_out} that cannot be decoded, {of_file['scored']} scored")
        for name, arguments in (("vectors", ("--input", topic)), ("decisions", ("--from", "earliest"))):
            outlierd.run("train", "--config", config, "--output", folder / f"{name}.json", *arguments)
        # The model names the hash of its rows' bytes: equal models are of equal rows.
        check(results, "the decisions hold the same bits", filecmp.cmp(folder / "vectors.json", folder / "decisions.json", shallow=False))
        differences = judged["outlierd_parity_differences_total"]
        check(results, "the judge finds no difference", differences == 0 and judged["outlierd_parity_checked_total"] > 0,
              f"{judged['outlierd_parity_checked_total']:.0f} vectors judged")
    finally:
        scene.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, required=True)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder, results = pathlib.Path(tempfile.mkdtemp(prefix="outlierd-parity-")), []
    kafka, registry = Kafka(folder), None
    try:
        kafka.start()
        registry = Registry(folder)
        run(options, folder, kafka, registry, results)
    finally:
        if registry is not None:
            registry.stop()
        kafka.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
