"""A test's own pipeline: topics, configuration, model, daemons, and what must have come out in the end."""

import collections
import contextlib
import datetime
import io
import json
import re
import shutil

import fastavro

from daemons import LOG_TAIL, Daemon, Notifications
from servers import Kafka, Redis, RedisPair, wait_until
from stream import PARTITIONS, SCHEMA
from topics import Topics
from world import settings

DONE_SECONDS = 120
SUMMARY = ("scored", "duplicate", "too_late", "future", "invalid")  # as commands name them on their last line
METADATA = ("invalid", "future", "too_late", "duplicate", "scored")  # as totals stand in the metadata of offsets
COORDINATES = [
    {"name": "_partition", "type": "int"},
    {"name": "_offset", "type": "long"},
    {"name": "_timestamp", "type": "long"},
    {"name": "_key", "type": ["null", "string"]},
]

Reference = collections.namedtuple("Reference", "alerts decisions outcomes")


class Scene:
    def __init__(self, world, name, number):
        self.world = world
        self.folder = world.folder / f"{number:02}-{name}"[:60]
        self.folder.mkdir()
        self.prefix = f"t{number:02}"
        self.input, self.alerts, self.decisions = (f"{self.prefix}.{what}" for what in ("in", "alerts", "decisions"))
        self.late, self.dead = f"{self.prefix}.in.late", f"{self.prefix}.in.dlq"
        self.daemons, self.servers, self.passed = [], [], []
        self.kafka, self.topics = world.kafka, world.topics
        self.outlierd = world.outlierd

    @contextlib.contextmanager
    def check(self, name):
        """One of several things that a test checks; counted by itself."""
        try:
            yield
        except BaseException as error:
            raise AssertionError(f"check {name}: {error}") from error
        self.passed.append(name)

    # What it works on

    def create(self, partitions=PARTITIONS):
        self.topics.create([self.input], partitions)
        self.topics.create([self.alerts, self.decisions, self.late, self.dead], 2)

    def own_kafka(self, **options):
        """A broker for this test alone, which may go away."""
        self.kafka = Kafka(self.folder, **options)
        self.servers.append(self.kafka)
        self.kafka.start()
        self.topics = Topics(self.kafka.address)
        return self.kafka

    def redis(self, *arguments, **options):
        server = Redis(self.folder, *arguments, **options)
        self.servers.append(server)
        return server

    def settings(self, redis, **kafka):
        """The example's configuration with this test's servers and names, to be changed and given to configure()."""
        config = settings()
        config["pipeline"] = self.prefix
        config["kafka"] |= {
            "bootstrap_servers": self.kafka.address,
            "input_topic": self.input,
            "group_id": self.prefix,
            "instance_id": f"{self.prefix}-1",
            "session_timeout": "3s",
        } | kafka
        config["schema"]["registry_urls"] = [self.world.registry.url]
        config["state"].pop("redis")
        if redis is not None:
            config["state"]["redis"] = {"address": redis.address, "namespace": self.prefix, "timeout": "2s"}
        config["model"]["directory"] = "models"
        for output, topic in (
            ("alerts", self.alerts),
            ("decisions", self.decisions),
            ("late", self.late),
            ("dead_letters", self.dead),
        ):
            config["output"][output]["topic"] = topic
        config["http"]["listen"] = "127.0.0.1:0"
        return config

    def configure(self, config, name="config.json"):
        path = self.folder / name
        path.write_text(json.dumps(config, indent=1))
        models = self.folder / "models"
        if not models.exists():
            shutil.copytree(self.world.models, models)
        return path

    def start(self, config, *arguments, **options):
        daemon = Daemon(
            self.outlierd.binary, config, self.folder / f"daemon-{len(self.daemons)}.log", *arguments, **options
        )
        self.daemons.append(daemon)
        return daemon

    def send(self, records, rate=None):
        self.topics.send(self.input, records, rate)

    def send_behind(self, records, rate):
        """Sends while the test goes on; the returned future's result() waits for it and raises its error."""
        return self.world.senders.submit(self.send, records, rate)

    def notifications(self):
        socket = Notifications(self.folder)
        self.servers.append(socket)
        return socket

    def close(self):
        """Ends all that it has started; a second time there is nothing left to end."""
        for daemon in self.daemons:
            daemon.end()
        while self.servers:
            self.servers.pop().stop()

    def failure_report(self):
        """The last lines of every daemon's log, for whoever reads why a test failed."""
        lines = []
        for daemon in self.daemons:
            lines.append(f"--- {daemon.log_path.name}, exit status {daemon.process.poll()}")
            lines += daemon.log().splitlines()[-LOG_TAIL:]
        return "\n".join(lines)

    def redis_pair(self):
        """A primary and a replica behind a sentinel."""
        pair = RedisPair(self.folder)
        self.servers.append(pair)
        return pair

    # What came out

    def wait_done(self, seconds=DONE_SECONDS, group=None, meanwhile=None):
        """Until the group has committed everything that the input topic holds; `meanwhile` is called between looks."""
        ends = self.topics.ends(self.input)

        def done():
            if meanwhile is not None:
                meanwhile()
            committed = self.topics.committed(group or self.prefix, self.input, len(ends))
            return all(committed[p] is not None and committed[p][0] == end for p, end in ends.items() if end > 0)

        wait_until(done, seconds, f"all of {self.input} is committed", every=0.1)

    def wait_committed(self, count, seconds=DONE_SECONDS):
        """Until so many records are committed; their topic holds nothing else, so offsets count them."""

        def committed():
            found = self.topics.committed(self.prefix, self.input, PARTITIONS)
            return sum(at[0] for at in found.values() if at is not None) >= count

        wait_until(committed, seconds, f"{count} records of {self.input} are committed", every=0.01)

    def committed_records(self):
        """Records that the committed offsets say were counted, by outcome: the totals in their metadata."""
        totals = collections.Counter()
        for found in self.topics.committed(self.prefix, self.input, len(self.topics.ends(self.input))).values():
            if found is None:
                continue
            counts = re.fullmatch(r"v1;g=[0-9a-f]{16};w=[^;]+;c=[^;]+;n=([0-9,]+)", found[1])
            assert counts, f"metadata of a committed offset: {found[1]!r}"
            totals.update(dict(zip(METADATA, map(int, counts.group(1).split(",")))))
        return totals

    def dump(self, path):
        """The input topic as an Avro file with coordinates, without what cannot be decoded; how many that were."""
        writer_schema = fastavro.parse_schema(json.loads(SCHEMA.read_text()))
        schema = json.loads(SCHEMA.read_text())
        schema["fields"] += COORDINATES
        events, left_out = [], 0
        for message in self.topics.read(self.input):
            try:
                body = io.BytesIO(message.value[5:] if message.value else b"")
                event = fastavro.schemaless_reader(body, writer_schema)
                whole = body.read(1) == b"" and message.value[:5] == self.world.framing
            except (EOFError, IndexError, ValueError, UnicodeDecodeError, OverflowError):
                whole = False
            if not whole:
                left_out += 1
                continue
            key = None if message.key is None else message.key.decode()
            place = {"_partition": message.partition, "_offset": message.offset}
            events.append(event | place | {"_timestamp": message.timestamp, "_key": key})
        with open(path, "wb") as file:
            fastavro.writer(file, fastavro.parse_schema(schema), events)
        return events, left_out

    def reference(self, config):
        """What `score --config` makes of the records of the input topic."""
        events, left_out = self.dump(self.folder / "dump.avro")
        return self.score(config, self.folder / "dump.avro", len(events), left_out)

    def score(self, config, path, count, left_out=0):
        alerts, decisions = self.folder / "alerts.jsonl", self.folder / "decisions.jsonl"
        done = self.outlierd.run(
            "score", "--config", config, "--input", path, "--alerts", alerts, "--decisions", decisions
        )
        numbers = re.search(
            r"read (\d+): scored (\d+), duplicate (\d+), too_late (\d+), future (\d+), invalid (\d+)", done.stderr
        )
        assert numbers and int(numbers.group(1)) == count, done.stderr
        outcomes = collections.Counter(dict(zip(SUMMARY, map(int, numbers.groups()[1:]))))
        outcomes["invalid"] += left_out
        return Reference(alerts.read_bytes().splitlines(), decisions.read_bytes().splitlines(), outcomes)

    def expect_equal(self, reference):
        """Everything committed is what the reference has: same bytes, nothing missing, nothing twice, counted once."""
        for topic, wanted in ((self.decisions, reference.decisions), (self.alerts, reference.alerts)):
            expect_same(topic, [message.value for message in self.topics.read(topic)], wanted)
        counted = self.committed_records()
        message = f"totals of the committed offsets {dict(counted)}, not {dict(reference.outcomes)}"
        assert +counted == +reference.outcomes, message
        late, dead = (len(self.topics.read(topic)) for topic in (self.late, self.dead))
        assert late == reference.outcomes["too_late"], f"{late} late letters, not {reference.outcomes['too_late']}"
        refused = reference.outcomes["invalid"] + reference.outcomes["future"]
        assert dead == refused, f"{dead} dead letters, not {refused}"


def expect_same(what, found, wanted):
    """Two lists with the same elements equally often; the message shows where they part."""
    found, wanted = collections.Counter(found), collections.Counter(wanted)
    missing, more = wanted - found, found - wanted
    if not missing and not more:
        return
    text = (
        f"{what}: {found.total()} values, wanted {wanted.total()}; {missing.total()} missing, {more.total()} too many"
    )
    for title, values in (("missing", missing), ("too many", more)):
        for value in sorted(values)[:2]:
            text += f"\n  {title}: {value.decode(errors='replace')[:1500]}"
    raise AssertionError(text)


def plain_numbers(value):
    """A decoded event with JSON's view of numbers: 1.0 and 1 are the same."""
    if isinstance(value, dict):
        return {name: plain_numbers(member) for name, member in value.items()}
    if isinstance(value, list):
        return [plain_numbers(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def milliseconds(time):
    """Exact milliseconds since 1970 of what an Avro reader makes of a timestamp."""
    return (time - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(milliseconds=1)
