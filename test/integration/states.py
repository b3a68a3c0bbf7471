"""The state that daemons leave in Redis: read without outlierd, compared byte for byte behind the generation."""

import re
import socket
import struct
import subprocess

VERSION, GENERATION = slice(0, 1), slice(1, 9)  # of a record: docs/state-format.md
MARKER_NEXT = slice(2, 10)  # R
METADATA = re.compile(r"v1;g=([0-9a-f]{16});w=(none|-?\d+);.*")
KEYS_AT_A_TIME = 500


class Connection:
    """As much of Redis' protocol as reading takes."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.stream = self.socket.makefile("rwb")

    def ask(self, *words):
        words = [word if isinstance(word, bytes) else word.encode() for word in words]
        self.stream.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        self.stream.flush()
        return self._take()

    def _take(self):
        line = self.stream.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            return None if rest == b"-1" else self.stream.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self._take() for _ in range(int(rest))]
        assert kind in b"+:" and line, f"Redis: {line!r}"
        return rest

    def close(self):
        self.stream.close()
        self.socket.close()


def read(port, namespace):
    """All keys of a namespace with their values."""
    connection = Connection(port)
    try:
        keys = connection.ask("KEYS", f"{namespace}:*")
        found = {}
        for at in range(0, len(keys), KEYS_AT_A_TIME):
            some = keys[at : at + KEYS_AT_A_TIME]
            found |= dict(zip(some, connection.ask("MGET", *some)))
        return {key.decode(): value for key, value in found.items() if value is not None}
    finally:
        connection.close()


def records(port, namespace, pipeline, topic, committed):
    """Records of the current generation without it, by partition and entity. R must be C everywhere."""
    keys = read(port, namespace)
    found = {}
    for partition, at in committed.items():
        if at is None:
            continue
        offset, metadata = at
        generation, _ = METADATA.fullmatch(metadata).groups()
        prefix = f"{namespace}:{{{pipeline}/{topic}/{partition}}}:"
        marker = keys.get(prefix + "m")
        assert marker is not None, f"{prefix}m: no marker"
        (next_offset,) = struct.unpack("<q", marker[MARKER_NEXT])
        assert next_offset == offset, f"{prefix}m: R is {next_offset}, C is {offset}"
        wanted = struct.pack("<Q", int(generation, 16))
        for key, value in keys.items():
            if key.startswith(prefix + "e:") and value[GENERATION] == wanted:
                found[partition, key[len(prefix) + 2 :]] = value[VERSION] + value[GENERATION.stop :]
    return found


def canonical(program, config, found, committed):
    """The records in canonical form, at the watermark of what is committed."""
    watermarks = {p: METADATA.fullmatch(at[1]).group(2) for p, at in committed.items() if at is not None}
    lines = [
        f"{watermarks[place[0]]} {(value[:1] + bytes(8) + value[1:]).hex()}\n" for place, value in found.items()
    ]
    done = subprocess.run([program, config], input="".join(lines), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers = zip(found, done.stdout.splitlines(), strict=True)
    return {place: answer for place, answer in answers if answer != "-"}


def expect_same(found, wanted):
    """Fails with the first places where two states part."""
    places = sorted(place for place in found.keys() | wanted.keys() if found.get(place) != wanted.get(place))
    if not places:
        return
    text = f"state: {len(places)} of {len(wanted)} records differ"
    for place in places[:3]:
        one, other = (
            value.hex() if isinstance(value, bytes) else value for value in (found.get(place), wanted.get(place))
        )
        text += f"\n  partition {place[0]} entity {place[1]}\n    found  {one}\n    wanted {other}"
    raise AssertionError(text)
