#!/usr/bin/env python3
"""Random schemas and values, encoded by fastavro, must be decoded alike by outlierd's decoder.

    python3 test/integration/avro_differential.py --decoder build/test/unit/test_avro_cases [--pairs 200000] [--seed 1]

Every pair comes with the values that the configured slots must hold, found here from the value itself. The decoder
program reads them as JSON lines (see test/unit/test_avro_cases.c) and counts. Exit status 1 on any difference.
With --output FILE the lines are written to a file instead.
"""
import argparse
import datetime
import decimal
import io
import json
import multiprocessing
import random
import re
import subprocess
import sys
from fractions import Fraction

import fastavro

VALUES_A_SCHEMA = 20
TYPES_MAX = 60
DEPTH_MAX = 4
VALUE_DEPTH_MAX = 8
ITEMS_MAX = 12  # of all arrays and maps of one value
FIELDS_MAX = 6
UNITS_MAX = 2**53
TIME_MAX_MS = 2**53
TEXT_MAX = 256
ODD_NUMBERS = (0.0, -0.0, 2.0**100, -(2.0**100), 2.0**-100, float("inf"), float("-inf"), float("nan"))
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
LEAST_MS, MOST_MS = -62_000_000_000_000, 253_000_000_000_000  # what Python's datetime holds
WORDS = "amount Zürich merchant naïve POS δ 東京 🐧 0 true".split()
decimal.getcontext().prec = 60

LETTERS = "".join(random.Random(0).choices("abcdefghijklmnopqrstuvwxyz_", k=5000))

SIMPLE = ("null boolean int long millis micros float double bytes string decimal fixed_decimal fixed enum".split())
COMPLEX = "array map union record".split()
NUMBERS = {"int", "long", "millis", "micros", "float", "double", "decimal", "fixed_decimal"}
TEXTS = {"string", "bytes", "fixed", "enum"}


class Type:
    """A type of a writer's schema; members are fields, branches, or one for the items."""

    __slots__ = ("kind", "name", "names", "members", "size", "precision", "scale")

    def __init__(self, kind, name=None):
        self.kind, self.name, self.names, self.members = kind, name, [], []
        self.size = self.precision = self.scale = 0

    def union_name(self):
        """How fastavro's tuples name this branch."""
        plain = {"millis": "long", "micros": "long", "decimal": "bytes"}
        return self.name or plain.get(self.kind, self.kind)


class Generator:
    """One random schema, a configuration that reads from it, and values."""

    def __init__(self, seed):
        self.chance = random.Random(seed).random
        self.count = 0
        self.named = []
        self.root = self.new("record")
        for i in range(self.below(9)):
            self.add_field(self.root, f"f{i}", 1)
        self.id = Type("string")
        self.entity = Type(self.choice(("string", "long", "int")))
        self.time = Type(self.choice(("millis", "micros", "long")))
        for name, member in (("id", self.id), ("entity", self.entity), ("time", self.time)):
            at = self.below(len(self.root.members) + 1)
            self.root.names.insert(at, name)
            self.root.members.insert(at, member)
        self.unit = self.choice(("ms", "us", "s")) if self.time.kind == "long" else None
        self.fields = [self.random_field() for _ in range(self.below(FIELDS_MAX + 1))]
        self.written = set()
        self.json = self.write(self.root)

    def below(self, bound):
        """Uniform enough, and much faster than randrange."""
        return int(self.chance() * bound)

    def choice(self, sequence):
        return sequence[int(self.chance() * len(sequence))]

    def new(self, kind):
        self.count += 1
        named = kind in ("record", "fixed", "fixed_decimal", "enum")
        made = Type(kind, f"ns.T{self.count}" if named else None)
        if named and kind != "record":
            self.named.append(made)
        return made

    def add_field(self, record, name, depth):
        record.names.append(name)
        if self.below(12):
            record.members.append(self.random_type(depth))
            return
        around = self.new(self.choice(("array", "map", "union")))  # of the record itself
        if around.kind == "union":
            around.members.append(self.new("null"))
        around.members.append(record)
        record.members.append(around)

    def random_type(self, depth, in_union=False):
        if self.named and self.below(8) == 0:
            return self.choice(self.named)
        simple = depth >= DEPTH_MAX or self.count > TYPES_MAX
        made = self.new(self.choice(SIMPLE if simple else SIMPLE + COMPLEX))
        if made.kind == "union" and in_union:
            made.kind = "string"
        if made.kind in ("array", "map"):
            made.members.append(self.random_type(depth + 1))
        elif made.kind == "union":
            self.fill_union(made, depth)
        elif made.kind == "record":
            for i in range(self.below(6)):
                self.add_field(made, f"f{i}", depth + 1)
        elif made.kind == "enum":
            made.size = 1 + self.below(20)
        elif made.kind == "fixed":
            made.size = self.below(20)
        elif made.kind in ("decimal", "fixed_decimal"):
            made.size = 1 + self.below(13)
            made.precision = 1 + self.below(max(1, (made.size * 8 - 1) * 3 // 10))
            made.scale = self.below(made.precision + 1)
        return made

    def fill_union(self, union, depth):
        wanted = [self.new("null")] if self.below(3) else []
        wanted += [self.random_type(depth + 1, True) for _ in range(self.choice((1, 1, 2, 4)))]
        wanted.sort(key=lambda _: self.chance())
        seen = set()
        for branch in wanted:
            if branch.union_name() not in seen:
                seen.add(branch.union_name())
                union.members.append(branch)

    def write(self, made):
        """The schema as JSON; a named type in full only the first time."""
        if made.name in self.written:
            return made.name
        if made.name:
            self.written.add(made.name)
        name, kind = made.name, made.kind
        decimals = {"logicalType": "decimal", "precision": made.precision, "scale": made.scale}
        if kind in ("millis", "micros"):
            return {"type": "long", "logicalType": f"timestamp-{kind}"}
        if kind == "decimal":
            return {"type": "bytes", **decimals}
        if kind == "fixed_decimal":
            return {"type": "fixed", "name": name, "size": made.size, **decimals}
        if kind == "fixed":
            return {"type": "fixed", "name": name, "size": made.size}
        if kind == "enum":
            return {"type": "enum", "name": name, "symbols": [f"S{i}" for i in range(made.size)]}
        if kind == "array":
            return {"type": "array", "items": self.write(made.members[0])}
        if kind == "map":
            return {"type": "map", "values": self.write(made.members[0])}
        if kind == "union":
            return [self.write(branch) for branch in made.members]
        if kind == "record":
            fields = [{"name": n, "type": self.write(m)} for n, m in zip(made.names, made.members)]
            return {"type": "record", "name": name, "fields": fields}
        return kind

    def random_path(self, made, path, depth=0):
        """A random way to a type that can be read; None where it ends elsewhere."""
        if depth > 6:
            return None
        if made.kind == "union":
            return self.random_path(self.choice(made.members), path, depth + 1)
        if made.kind == "record" and made.members:
            at = self.below(len(made.members))
            return self.random_path(made.members[at], path + [made.names[at]], depth + 1)
        if made.kind in COMPLEX or made.kind == "null" or not path:
            return None
        return path, made

    def random_field(self):
        found = None
        for _ in range(10):
            found = found or self.random_path(self.root, [])
        absent = found is None or self.below(20) == 0
        path, leaf = found if found else ([], None)
        field = {"path": ".".join(path), "type": "string", "scale": None, "minor": False, "aliases": []}
        if absent:
            field["path"] = "nowhere.at.all"
        elif leaf.kind == "boolean":
            field["type"] = "boolean"
        elif leaf.kind in NUMBERS:
            field["type"] = self.choice(("money", "number"))
        if field["type"] == "money" or (field["type"] == "number" and self.below(2)):
            field["scale"] = self.below(5)
            field["minor"] = self.below(3) == 0
        if absent or self.below(4) == 0:
            field["default"] = "fallback" if field["type"] == "string" else -0.5 if self.is_double(field) else 1
        if not absent and self.below(4) == 0:
            field["aliases"] = ["none", path[-1]]
            field["path"] = ".".join(path[:-1] + ["alias"])
        return field

    @staticmethod
    def is_double(field):
        return field["type"] == "number" and field["scale"] is None

    def integer(self, bits):
        if self.below(60) == 0:
            return self.choice((-(2 ** (bits - 1)), 2 ** (bits - 1) - 1))
        size = int(self.chance() * (1 << 1 + self.below(bits - 1 if self.below(10) == 0 else bits // 2)))
        return size if self.below(2) else -size

    def text(self, size=None):
        if size is None and self.below(4) == 0:
            return " ".join(self.choice(WORDS) for _ in range(self.below(12)))
        length = self.below(20) if size is None else size
        at = self.below(len(LETTERS) - length)
        return LETTERS[at : at + length]

    def value(self):
        self.items_left = ITEMS_MAX
        return self.draw(self.root)

    def draw(self, made, depth=0):
        """A value as fastavro takes it; unions always say their branch."""
        kind = made.kind
        if kind == "null":
            return None
        if kind == "boolean":
            return self.below(2) == 1
        if kind in ("int", "long"):
            return self.integer(32 if kind == "int" else 64)
        if kind == "millis":
            ms = max(LEAST_MS, min(MOST_MS, self.integer(48)))
            return EPOCH + datetime.timedelta(milliseconds=ms)
        if kind == "micros":
            return EPOCH + datetime.timedelta(microseconds=max(LEAST_MS * 1000, min(MOST_MS * 1000, self.integer(58))))
        if kind in ("float", "double"):
            return self.choice(ODD_NUMBERS) if self.below(20) == 0 else self.integer(22 if kind == "float" else 50) / 8
        if kind in ("decimal", "fixed_decimal"):
            most = min(10**made.precision, 2 ** (8 * made.size - 1)) - 1
            unscaled = (self.below(2 * most + 1) - most) >> self.below(most.bit_length())
            return decimal.Decimal(unscaled).scaleb(-made.scale)
        if kind == "bytes":
            return self.text().encode()
        if kind == "string":
            return self.text()
        if kind == "fixed":
            return self.text(made.size).encode()
        if kind == "enum":
            return f"S{self.below(made.size)}"
        if kind == "record":
            return {n: self.draw(m, depth + 1) for n, m in zip(made.names, made.members)}
        if kind == "union":
            branches = made.members
            if depth > VALUE_DEPTH_MAX:
                branches = [b for b in branches if b.kind == "null"] or branches
            branch = self.choice(branches)
            return (branch.union_name(), self.draw(branch, depth + 1))
        count = 0 if depth > VALUE_DEPTH_MAX else min(self.items_left, self.below(4) * self.below(3))
        self.items_left -= count
        if kind == "array":
            return [self.draw(made.members[0], depth + 1) for _ in range(count)]
        return {f"key{i}": self.draw(made.members[0], depth + 1) for i in range(count)}

    def expected(self, value):
        """What the slots must hold; None where the event is invalid."""
        ident, entity, time = value["id"], value["entity"], value["time"]
        entity = entity if isinstance(entity, str) else str(entity)
        if not (1 <= len(ident.encode()) <= TEXT_MAX and 1 <= len(entity.encode()) <= TEXT_MAX):
            return None
        if isinstance(time, datetime.datetime):
            time = (time - EPOCH) // datetime.timedelta(milliseconds=1)
        else:
            time = {"ms": time, "us": time // 1000, "s": time * 1000}[self.unit]
        if abs(time) > TIME_MAX_MS:
            return None
        values = []
        for field in self.fields:
            try:
                values.append(self.field_value(field, value))
            except Invalid:
                return None
        return {"id": ident, "entity": entity, "time": time, "values": values}

    def field_value(self, field, value):
        default = field.get("default")
        parts = field["path"].split(".")
        made = self.root
        while True:
            while made.kind == "union":
                name, value = value
                made = next(b for b in made.members if b.union_name() == name)
            if made.kind == "null":
                return default
            if not parts:
                return convert(field, made, value)
            if made.kind != "record":
                raise Invalid
            part = parts.pop(0)
            if part not in made.names and not parts and field["aliases"]:
                part = field["aliases"][1]
            if part not in made.names:
                if default is None:
                    raise Invalid
                return default
            value, made = value[part], made.members[made.names.index(part)]


class Invalid(Exception):
    """The value cannot be read into the field."""


def half_even(fraction):
    return round(fraction)  # Python's rounding of fractions is half to even


def convert(field, made, value):
    """The field's own form of a value."""
    kind = made.kind
    if field["type"] == "boolean":
        if kind == "string" and value in ("true", "false"):
            return int(value == "true")
        if kind != "boolean":
            raise Invalid
        return int(value)
    if field["type"] == "string":
        if kind not in TEXTS:
            raise Invalid
        return value if isinstance(value, str) else value.decode()
    if kind == "string" and re.fullmatch(r"0", value):
        exact, integer = Fraction(0), True
    elif kind not in NUMBERS:
        raise Invalid
    elif kind in ("millis", "micros"):
        unit = datetime.timedelta(milliseconds=1) if kind == "millis" else datetime.timedelta(microseconds=1)
        exact, integer = Fraction((value - EPOCH) // unit), True
    elif isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise Invalid
        exact, integer = Fraction(value), False
    else:
        exact, integer = Fraction(value), isinstance(value, int)
    if field["scale"] is None:
        return exact.numerator / exact.denominator
    units = half_even(exact * 10 ** (0 if field["minor"] and integer else field["scale"]))
    if abs(units) > UNITS_MAX:
        raise Invalid
    return units


def lines(first_seed, pairs, values_a_schema):
    """JSON lines of so many pairs."""
    seed = first_seed
    while pairs > 0:
        generator = Generator(seed)
        seed += 1
        schema = fastavro.parse_schema(json.loads(json.dumps(generator.json)))
        cases = []
        for _ in range(min(pairs, values_a_schema)):
            value = generator.value()
            body = io.BytesIO()
            fastavro.schemaless_writer(body, schema, value)
            cases.append({"body": body.getvalue().hex(), "expected": generator.expected(value)})
        pairs -= len(cases)
        time = {"path": "time", "unit": generator.unit}
        yield json.dumps({"seed": seed - 1, "schema": generator.json, "time": time, "fields": generator.fields, "cases": cases})


def compare(work):
    """Sends one share of the pairs through a decoder of its own; (passed, failed, what it said)."""
    decoder, first_seed, pairs = work
    process = subprocess.Popen([decoder, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        for line in lines(first_seed, pairs, VALUES_A_SCHEMA):
            process.stdin.write(line + "\n")
        process.stdin.close()
    except BrokenPipeError:
        pass
    said = process.stdout.read()
    status = process.wait()
    counted = re.search(r"^(\d+) passed, (\d+) failed$", said, re.MULTILINE)
    if counted is None or (status == 0) != (counted[2] == "0"):
        return 0, pairs, f"{said}\nthe decoder ended with status {status}"
    return int(counted[1]), int(counted[2]), said


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decoder", help="the built test_avro_cases")
    parser.add_argument("--output", help="write the lines to this file instead")
    parser.add_argument("--pairs", type=int, default=200_000)
    parser.add_argument("--values", type=int, default=VALUES_A_SCHEMA, help="of each schema, for --output")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    options = parser.parse_args()
    if options.output:
        with open(options.output, "w", encoding="utf-8") as output:
            for line in lines(options.seed, options.pairs, options.values):
                output.write(line + "\n")
        return 0
    if not options.decoder:
        parser.error("--decoder or --output is needed")
    share = -(-options.pairs // options.jobs)
    work = [(options.decoder, options.seed + i * options.pairs, share) for i in range(options.jobs)]
    with multiprocessing.Pool(options.jobs) as pool:
        results = pool.map(compare, work)
    passed, failed = sum(r[0] for r in results), sum(r[1] for r in results)
    for _, wrong, said in results:
        if wrong:
            print(said)
    print(f"pairs of schema and value, encoded by fastavro {fastavro.__version__}: {passed} decoded alike, {failed} not")
    print(f"{1 if failed == 0 and passed >= options.pairs else 0} passed, {0 if failed == 0 and passed >= options.pairs else 1} failed")
    return 0 if failed == 0 and passed >= options.pairs else 1


if __name__ == "__main__":
    sys.exit(main())
