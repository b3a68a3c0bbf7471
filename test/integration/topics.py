"""What the tests do with Kafka itself, through a client that is not outlierd's: topics, records, groups."""

import collections
import contextlib
import io
import socket
import struct
import time

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from servers import wait_until

READ_SECONDS = 60
UNBOUNDED = str(2**63 - 1)

Message = collections.namedtuple("Message", "partition offset timestamp key value headers")


OFFSET_FETCH, OFFSET_FETCH_VERSION = 9, 5


def offset_fetch(address, group, topic, partitions):
    """OffsetFetch by hand: the client library hands out metadata without its end (no terminating zero)."""

    def text(value):
        return struct.pack(">h", len(value)) + value.encode()

    body = struct.pack(">hhi", OFFSET_FETCH, OFFSET_FETCH_VERSION, 1) + text("reader") + text(group)
    body += struct.pack(">i", 1) + text(topic) + struct.pack(f">i{partitions}i", partitions, *range(partitions))
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), 10) as connection, connection.makefile("rwb") as stream:
        stream.write(struct.pack(">i", len(body)) + body)
        stream.flush()
        answer = io.BytesIO(stream.read(struct.unpack(">i", stream.read(4))[0]))

    def take(form):
        return struct.unpack(form, answer.read(struct.calcsize(form)))

    found = dict.fromkeys(range(partitions))
    _, _, topics = take(">iii")  # correlation, throttle
    if topics == 0:  # the group's coordinator is not there yet
        return found
    answer.read(take(">h")[0])
    for _ in range(take(">i")[0]):
        partition, offset, _, length = take(">iqih")
        metadata = answer.read(max(length, 0)).decode()
        (error,) = take(">h")
        assert error == 0, f"OffsetFetch of partition {partition}: error {error}"
        found[partition] = (offset, metadata) if offset >= 0 else None
    return found


class Topics:
    def __init__(self, address):
        self.client = {"bootstrap.servers": address, "log_level": 2}
        self.admin = AdminClient(self.client)

    def create(self, names, partitions):
        # Producers' clocks are not bounded: simulated time may lie after today's.
        config = {"message.timestamp.after.max.ms": UNBOUNDED}
        futures = self.admin.create_topics([NewTopic(name, partitions, 1, config=config) for name in names])
        for future in futures.values():
            future.result()

    def delete(self, name):
        for future in self.admin.delete_topics([name], operation_timeout=30).values():
            future.result()
        wait_until(lambda: name not in self.admin.list_topics().topics, 30, f"{name} is gone")

    def forget(self, prefix):
        """Deletes all topics of a scene, without waiting until they are gone."""
        names = [name for name in self.admin.list_topics(timeout=10).topics if name.startswith(f"{prefix}.")]
        for future in self.admin.delete_topics(names).values():
            future.result()

    def grow(self, name, partitions):
        for future in self.admin.create_partitions([NewPartitions(name, partitions)]).values():
            future.result()
        wait_until(
            lambda: len(self.admin.list_topics(name).topics[name].partitions) == partitions, 30, f"{name} has grown"
        )

    def send(self, topic, records, rate=None):
        """Sends records to their partitions in order; rate: about so many a second. Returns when all are in the log."""
        failures = []
        producer = Producer(
            {
                **self.client,
                "enable.idempotence": True,
                "linger.ms": 5,
                "queue.buffering.max.messages": 200000,
                "message.max.bytes": 2000000,
                "error_cb": lambda error: None,
            }
        )
        begin = time.monotonic()
        for number, record in enumerate(records):
            if rate is not None and number % 50 == 0:
                time.sleep(max(0.0, begin + number / rate - time.monotonic()))
            producer.produce(
                topic,
                value=record.value,
                key=record.key,
                partition=record.partition,
                timestamp=record.timestamp,
                headers=list(record.headers),
                on_delivery=lambda error, _: error and failures.append(error),
            )
            producer.poll(0)
        assert producer.flush(READ_SECONDS) == 0, "not all records were delivered"
        assert not failures, failures[0]

    def read(self, topic):
        """All committed records of a topic, by partition and offset."""
        consumer = Consumer(
            {
                **self.client,
                "group.id": "reader",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
            }
        )
        try:
            partitions = consumer.list_topics(topic, 10).topics[topic].partitions
            consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
            ended, messages = set(), []
            end = time.monotonic() + READ_SECONDS
            while len(ended) < len(partitions):
                assert time.monotonic() < end, f"{topic} cannot be read to its end"
                for message in consumer.consume(10000, 0.2):
                    if message.error() is None:
                        messages.append(
                            Message(
                                message.partition(),
                                message.offset(),
                                message.timestamp()[1],
                                message.key(),
                                message.value(),
                                message.headers() or [],
                            )
                        )
                    elif message.error().code() == KafkaError._PARTITION_EOF:
                        ended.add(message.partition())
                    else:
                        raise AssertionError(message.error())
            return sorted(messages, key=lambda message: (message.partition, message.offset))
        finally:
            consumer.close()

    @contextlib.contextmanager
    def follow(self, topic):
        """A consumer whose poll() gives the committed records that come from now on."""
        consumer = Consumer({**self.client, "group.id": "reader", "isolation.level": "read_committed"})
        try:
            consumer.assign([TopicPartition(topic, partition, end) for partition, end in self.ends(topic).items()])
            yield consumer
        finally:
            consumer.close()

    def delete_records(self, topic, partition, before):
        """Moves the start of a partition's log, as retention does."""
        for future in self.admin.delete_records([TopicPartition(topic, partition, before)]).values():
            future.result()

    def ends(self, topic):
        """The end of each partition, control records counted."""
        consumer = Consumer({**self.client, "group.id": "reader"})
        try:
            partitions = consumer.list_topics(topic, 10).topics[topic].partitions
            return {
                partition: consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)[1]
                for partition in partitions
            }
        finally:
            consumer.close()

    def committed(self, group, topic, partitions):
        """Committed offset and metadata by partition; None where there is none."""
        return offset_fetch(self.client["bootstrap.servers"], group, topic, partitions)

    def set_offset(self, group, topic, partition, offset):
        """Sets a group's offset as an operator would, once its last (static) member's session has ended."""
        asked = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, partition, offset)])

        def is_set():
            answer = self.admin.alter_consumer_group_offsets([asked])[group].result()
            return all(found.error is None for found in answer.topic_partitions)

        wait_until(is_set, 30, f"the offset of group {group} is set", every=0.3)

    def delete_group(self, group):
        """Deletes a group with its offsets, once its last (static) member's session has ended."""

        def deleted():
            try:
                self.admin.delete_consumer_groups([group])[group].result()
                return True
            except Exception as error:  # the client raises KafkaException for every refusal
                if error.args[0].code() != KafkaError.NON_EMPTY_GROUP:
                    raise
                return False

        wait_until(deleted, 30, f"group {group} is empty", every=0.3)
