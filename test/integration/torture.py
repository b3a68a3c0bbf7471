#!/usr/bin/env python3
"""Torture: real Kafka, Redis and daemons, everything that can go wrong at moments drawn from a seed, and then not one
record's outcome may be missing, doubled or different from an undisturbed run; nor may the state.

  torture.py --binary build/outlierd --canonical build/test/integration/canonical [--rounds N] [--seed S]
             [--totals FILE] [--recovery]

Each round has topics, group and namespace of its own and a producer that does not stop while two or three instances are
killed, paused, taken away and added, Redis fails over or is restarted, and the broker is killed. A seed draws the
faults; when they strike is also the machine's doing. The totals of all rounds are kept in FILE, so that a long run can
be made of several. The last line is "N passed, N failed".
"""

import argparse
import bisect
import collections
import json
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings

warnings.filterwarnings("ignore", category=DeprecationWarning)

from confluent_kafka import Consumer, TopicPartition

import states
from daemons import Outlierd
from scene import Scene, expect_same
from servers import Kafka, Registry, wait_until
from stream import PARTITIONS
from topics import Topics
from torture_faults import SESSION_SECONDS, BrokerFaults, FullDisk, Killer, RedisFaults, SentinelFaults, Slot
from world import World

TURN_SECONDS = 0.02
HEAL_SECONDS = 180
QUIET_SECONDS = 1.5  # around an outage of Redis or the broker, recovery times are theirs, not the killed daemon's


class Watcher:
    """Notes when which partition's alerts become visible, as a reader with read_committed sees them."""

    def __init__(self, address, topic):
        self.seen = collections.defaultdict(list)  # input partition: times of arrival
        self.stopped = False
        self.consumer = Consumer(
            {
                "bootstrap.servers": address,
                "group.id": "watcher",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 10,
                "log_level": 0,
                "error_cb": lambda error: None,
            }
        )
        self.consumer.assign([TopicPartition(topic, partition, 0) for partition in range(2)])
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        while not self.stopped:
            for message in self.consumer.consume(500, 0.05):
                if message.error() is None:
                    self.seen[json.loads(message.value())["partition"]].append(time.monotonic())
        self.consumer.close()

    def stop(self):
        self.stopped = True
        self.thread.join()

    def recovery(self, moment, until):
        """Seconds from a moment until alerts of every partition are seen again; None where that is after `until`."""
        last = moment
        for partition in range(PARTITIONS):
            times = self.seen[partition]
            at = bisect.bisect(times, moment)
            if at == len(times):
                return None
            last = max(last, times[at])
        return last - moment if last < until else None


class Round:
    """One round on a scene. What is counted goes to counts, recovery times to `recoveries`."""

    def __init__(self, scene, seed, canonical, seconds=25.0, pace=1.2, sentinel=None, broker=None):
        self.scene, self.seed, self.canonical = scene, seed, canonical
        self.random = random.Random(seed)
        self.counts = collections.Counter()
        self.recoveries, self.killed, self.outages = [], [], []
        self.seconds, self.pace = seconds, pace
        self.with_broker = self.random.random() < 0.7 if broker is None else broker
        self.with_sentinel = self.random.random() < 0.6 if sentinel is None else sentinel
        self.disk = None

    # For the faults

    def start(self, name):
        return self.scene.start(self.config, "--instance", name)

    def outage(self):
        self.outages.append(time.monotonic())

    # The round

    def _settings(self, redis):
        settings = self.scene.settings(redis)
        settings["kafka"] |= {"session_timeout": f"{SESSION_SECONDS:.0f}s", "transaction_timeout": "3s"}
        # Many alerts, so that the first one after a kill tells when work went on.
        settings["policy"]["threshold"] = {"quantile": 0.8}
        settings["policy"]["warming"] = "alert"
        settings["limits"] |= {
            "batch_records": self.random.choice((20, 200, 1000)),
            "write_interval": self.random.choice(("10ms", "300ms", "1s")),
        }
        if self.random.random() < 0.5:
            settings["limits"]["cache_bytes"] = 0
        return settings

    def _full_disk(self, settings):
        self.disk = FullDisk(self.scene.folder)
        if not self.disk.mounted:
            print(f"skip disk full: no file system can be mounted: {self.disk.why}", flush=True)
            return
        models = self.disk.folder / "models"
        shutil.copytree(self.scene.world.models, models)
        settings["model"]["directory"] = str(models)
        settings["schema"]["cache_directory"] = str(self.disk.folder / "schemas")
        (self.disk.folder / "schemas").mkdir()
        self.disk.fill()

    def _refuse_model(self):
        """Without room for another `current` the champion stays."""
        models = self.disk.folder / "models"
        before, files = (models / "current").read_text(), {path.name for path in models.iterdir()}
        done = self.scene.outlierd.run(
            "model", "promote", "--config", self.config, self.scene.world.model_ids[1], status=74
        )
        assert "No space left on device" in done.stderr, done.stderr
        assert (models / "current").read_text() == before, "another champion after an error"
        left = {path.name for path in models.iterdir()} - files - {"changes.jsonl"}
        assert not left, f"left behind: {left}"
        self.counts["disk full"] += 1

    def run(self):
        scene = self.scene
        scene.create()
        redis = scene.redis_pair() if self.with_sentinel else scene.redis(durable=True)
        settings = self._settings(redis)
        if self.random.random() < 0.3 and not isinstance(self, Recovery):
            self._full_disk(settings)
        self.config = scene.configure(settings)
        kind, faults, slots = self._faults(redis)
        watcher = Watcher(scene.kafka.address, scene.alerts)
        try:
            end = self._hurt(faults)
            self._heal(faults, slots)
            self._measure(watcher, end)
        finally:
            watcher.stop()
        self._compare(settings, redis.port if kind is None else kind.port)

    def _faults(self, redis):
        """What is done to Redis, everything that is done, and the instances' slots."""
        slots = [Slot(self, name) for name in "abc"[: self.random.choice((2, 3, 3))]]
        kind = (SentinelFaults if self.with_sentinel else RedisFaults)(self, redis)
        faults = [kind, *slots]
        if self.with_broker:
            faults.append(BrokerFaults(self, self.scene.kafka, kind, self.random.random() < 0.5))
        return kind, faults, slots

    def _hurt(self, faults):
        records = self.scene.world.records
        sending = self.scene.send_behind(records, len(records) / self.seconds)
        begin = time.monotonic()
        while (now := time.monotonic() - begin) < self.seconds or not sending.done():
            for fault in faults:
                fault.turn(now)
            if self.disk is not None and self.disk.mounted and now > 3 and self.counts["disk full"] == 0:
                self._refuse_model()
            time.sleep(TURN_SECONDS)
            assert now < 10 * self.seconds, "the producer cannot deliver"
        sending.result()
        self.begin = begin
        return time.monotonic()

    def _heal(self, faults, slots):
        for fault in faults:
            fault.heal(time.monotonic() - self.begin)
        # On a starved machine time-outs follow each other even now, and who is fenced is started again.
        self.scene.wait_done(HEAL_SECONDS, meanwhile=lambda: [slot.revive() for slot in slots])
        for slot in slots:
            wait_until(slot.ready, HEAL_SECONDS, "an instance is ready", every=0.2)
            slot.daemon.stop()
        logs = "".join(path.read_text(errors="replace") for path in self.scene.folder.glob("daemon-*.log"))
        self.counts["rebalances"] += logs.count(" notice assigned partitions=")
        self.counts["states rebuilt"] += logs.count("is rebuilt from ")
        assert " halted: " not in logs, next(line for line in logs.splitlines() if " halted: " in line)

    def _measure(self, watcher, end):
        for moment in self.killed:
            seconds = watcher.recovery(moment, end)
            near = any(moment - QUIET_SECONDS < at < moment + QUIET_SECONDS for at in self.outages)
            if seconds is not None and not near:
                self.recoveries.append(seconds)

    def _reference(self, settings):
        """An undisturbed daemon of the same pipeline over the same topic, with outputs, group and Redis of its own."""
        scene, redis = self.scene, self.scene.redis()
        changed = json.loads(json.dumps(settings))
        changed["kafka"]["group_id"] = f"{scene.prefix}.undisturbed"
        changed["state"]["redis"] = {"address": redis.address, "namespace": "undisturbed"}
        changed["limits"]["batch_records"] = 1000
        topics = {}
        for output, topic in changed["output"].items():
            topics[topic["topic"]] = topic["topic"] + ".undisturbed"
            topic["topic"] = topics[topic["topic"]]
        scene.topics.create(list(topics.values()), 2)
        daemon = scene.start(scene.configure(changed, "undisturbed.json"), "--instance", "undisturbed")
        scene.wait_done(group=changed["kafka"]["group_id"])
        daemon.stop()
        return redis, changed["kafka"]["group_id"], topics

    def _compare(self, settings, port):
        scene = self.scene
        redis, group, topics = self._reference(settings)
        for topic, undisturbed in topics.items():
            found, wanted = (
                [(message.key, message.value, tuple(message.headers)) for message in scene.topics.read(name)]
                for name in (topic, undisturbed)
            )
            expect_same(topic, *([repr(one).encode() for one in many] for many in (found, wanted)))
        committed = {
            name: scene.topics.committed(name, scene.input, PARTITIONS) for name in (scene.prefix, group)
        }
        totals = {
            name: [at[1].split(";n=")[1] for at in places.values() if at is not None]
            for name, places in committed.items()
        }
        assert totals[scene.prefix] == totals[group], f"totals of outcomes {totals}"
        found = states.records(port, scene.prefix, scene.prefix, scene.input, committed[scene.prefix])
        wanted = states.records(redis.port, "undisturbed", scene.prefix, scene.input, committed[group])
        if self.counts["states rebuilt"] > 0:
            found, wanted = (
                states.canonical(self.canonical, self.config, one, committed[scene.prefix]) for one in (found, wanted)
            )
        states.expect_same(found, wanted)
        self.counts["records"] += sum(scene.topics.ends(scene.input).values())
        self.counts["state records compared"] += len(wanted)

    def close(self):
        if self.disk is not None:
            self.disk.stop()


class Recovery(Round):
    """Only kills, one at a time, of instances that are started again at once: how long until alerts go on."""

    def __init__(self, scene, seed, canonical, **options):
        super().__init__(scene, seed, canonical, sentinel=False, broker=False, **options)

    def _faults(self, redis):
        slots = [Slot(self, name) for name in "ab"]
        return None, [Killer(self, slots)], slots


class Totals:
    """What all rounds have come to, kept in a file."""

    def __init__(self, path):
        self.path = path
        self.counts, self.recoveries, self.seeds = collections.Counter(), [], []
        if path is not None and path.exists():
            saved = json.loads(path.read_text())
            self.counts.update(saved["counts"])
            self.recoveries, self.seeds = saved["recovery_seconds"], saved["seeds"]

    def add(self, torture):
        self.counts.update(torture.counts)
        self.counts["rounds"] += 1
        self.recoveries += [round(seconds, 3) for seconds in torture.recoveries]
        self.seeds.append(torture.seed)
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            partial = self.path.with_suffix(".partial")
            saved = {"counts": self.counts, "recovery_seconds": self.recoveries, "seeds": self.seeds}
            partial.write_text(json.dumps(saved, indent=1))
            partial.replace(self.path)

    def lines(self):
        yield from (f"  {count:9d}  {name}" for name, count in sorted(self.counts.items()))
        if self.recoveries:
            yield recovery_line(self.recoveries)


def recovery_line(recoveries):
    ordered = sorted(recoveries)
    p50, p99 = (ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.5, 0.99))
    what = "from a kill -9 to new alerts of every partition"
    return f"  {what}: p50 {p50:.2f} s, p99 {p99:.2f} s, of {len(ordered)} kills"


def play(scene, torture):
    """A round to its end; what it has mounted and started goes with it."""
    try:
        torture.run()
    except BaseException:
        print(f"seed {torture.seed}: {dict(torture.counts)}\n{scene.failure_report()}", flush=True)
        raise
    finally:
        scene.close()
        torture.close()


def run_rounds(options, folder, totals):
    kafka, registry = Kafka(folder), None
    failed = 0
    try:
        kafka.start()
        registry = Registry(folder)
        world = World(folder, Outlierd(options.binary.resolve()), kafka, registry, Topics(kafka.address))
        for number in range(options.rounds):
            began = time.monotonic()
            scene = Scene(world, "round", number)
            world.scenes.append(scene)
            kind = Recovery if options.recovery else Round
            torture = kind(
                scene, options.seed + number, options.canonical.resolve(), seconds=options.seconds, pace=options.pace
            )
            try:
                play(scene, torture)
                totals.add(torture)
                said = ", ".join(f"{count} {name}" for name, count in sorted(torture.counts.items()))
                print(f"ok   seed {torture.seed}, {time.monotonic() - began:.0f} s: {said}", flush=True)
                shutil.rmtree(scene.folder, ignore_errors=True)
                scene.topics.forget(scene.prefix)
            except Exception:
                failed += 1
                print(f"FAIL seed {torture.seed}, files in {scene.folder}\n{traceback.format_exc()}", flush=True)
    finally:
        if registry is not None:
            registry.stop()
        kafka.stop()
    return failed


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True, type=pathlib.Path)
    parser.add_argument("--canonical", required=True, type=pathlib.Path, help="of test/integration/canonical.c")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"))
    parser.add_argument("--seconds", type=float, default=30.0, help="of faults in a round")
    parser.add_argument("--pace", type=float, default=1.2, help="mean seconds between two faults of one instance")
    parser.add_argument("--recovery", action="store_true", help="only kill -9, one at a time: how long it takes")
    parser.add_argument("--totals", type=pathlib.Path, help="keep the sums of all rounds here")
    return parser.parse_args()


def interrupted(number, frame):
    raise KeyboardInterrupt


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, interrupted)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="outlierd-torture-"))
    totals = Totals(options.totals)
    before, failed = totals.counts["rounds"], 0
    print(f"seed {options.seed}", flush=True)
    try:
        failed = run_rounds(options, folder, totals)
    except BaseException:
        traceback.print_exc()
        failed += 1
    if failed == 0:
        shutil.rmtree(folder, ignore_errors=True)
    print("\n".join(totals.lines()))
    print(f"{totals.counts['rounds'] - before} passed, {failed} failed", flush=True)
    os._exit(failed != 0)


if __name__ == "__main__":
    sys.exit(main())
