"""Writes number_format.txt and number_scale.txt with Python's own arithmetic: make_numbers.py FOLDER."""

import os
import random
import struct
import sys
from fractions import Fraction


def bits(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def double(word):
    return struct.unpack("<d", struct.pack("<Q", word))[0]


def ecmascript(value):
    """Number::toString of a finite double; repr() finds the digits."""
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    before = len(whole) + int(exponent or 0)
    digits = whole + fraction
    leading = len(digits) - len(digits.lstrip("0"))
    digits, before = digits.strip("0"), before - leading
    count = len(digits)
    if count <= before <= 21:
        text = digits + "0" * (before - count)
    elif 0 < before <= 21:
        text = digits[:before] + "." + digits[before:]
    elif -6 < before <= 0:
        text = "0." + "0" * -before + digits
    else:
        text = digits[0] + ("." + digits[1:] if count > 1 else "") + "e%+d" % (before - 1)
    return sign + text


def format_values(dice):
    yield from (0.0, -0.0, 1.0, -1.0, 0.1, 0.2, 0.1 + 0.2, 1 / 3, 2 / 3, 4.35, 0.07, 1e21, 1e-6, 1e-7, 9.999999e-7)
    yield from (123456789012345680000.0, 1234567890123456800000.0, 2.0**53 - 1, 2.0**53, 2.0**53 + 2, 5e-324, 1e-323)
    yield from (double(1), double(0x000FFFFFFFFFFFFF), double(0x0010000000000000), double(0x7FEFFFFFFFFFFFFF))
    yield from (double(w) for w in range(0x44B52D02C7E14AF4, 0x44B52D02C7E14AF9))
    yield from (double(w) for w in range(0x444B1AE4D6E2EF4D, 0x444B1AE4D6E2EF52))
    yield from (double(w) for w in range(0x3EB0C6F7A0B5ED8B, 0x3EB0C6F7A0B5ED8F))
    yield from (9.5367431640625e-7, 2.0**-44, 2.0**-24, 2.0**-1022, 2.0**1023, 9.007199254740993e22, 2.5e-5)
    yield from (float("1e%d" % e) for e in range(-320, 309, 13))
    yield from (2.0**e for e in range(-1074, 1024, 19))
    yield from (double(n) for n in range(2, 40))
    yield from (dice.randrange(-(10**9), 10**9) / 100 for _ in range(60))
    yield from (dice.random() * 10 ** dice.randrange(-8, 24) for _ in range(80))
    # Halfway between the two nearest decimals of 17 digits.
    yield from (dice.randrange(10**14, 2**47) + eighths / 8 for eighths in (1, 3, 5, 7) for _ in range(5))
    # Decimals halfway between two doubles: they print as the one of even digits.
    for k in range(14, 23):
        for _ in range(6):
            yield float((dice.randrange(2**53 // 5**k, 2**54 // 5**k) | 1) * 10**k)
    for _ in range(150):
        value = double(dice.getrandbits(64))
        if value == value and abs(value) != float("inf"):
            yield value


def scale_cases(dice):
    halves = (0.125, 0.375, -0.125, 0.5, 1.5, 2.5, -2.5, 2.675, 1.005, 1e15 + 0.5, 1e15 + 1.5, 0.0625, 1e-300, 5e-324)
    for value in halves:
        for scale in (0, 1, 2, 3, 15):
            yield value, scale
    for value in (2.0**53, 2.0**53 + 2, -(2.0**53), 2.0**52 + 0.5, 2.0**52 + 1.5, 9007199254740991.5, 1e16, 1e300):
        yield value, 0
        yield value, 2
    for value in (90071992547409.92, 90071992547409.91, 90071992547409.93, 9.007199254740992, 9.007199254740993):
        yield value, 2
        yield value, 15
    yield from ((float("inf"), 2), (float("-inf"), 2), (float("nan"), 2), (0.0, 15), (-0.0, 0))
    for _ in range(150):
        yield dice.randrange(-(10**9), 10**9) / 100, 2
    for _ in range(150):
        scale = dice.randrange(16)
        yield dice.uniform(-1, 1) * 10 ** dice.randrange(-scale, 17 - scale), scale
    for _ in range(100):
        scale = dice.randrange(1, 16)
        places = dice.randrange(1, 12)
        yield dice.randrange(-(2**20), 2**20) / 2**places, scale


def units(value, scale):
    if value != value or abs(value) == float("inf"):
        return "-"
    number = round(Fraction(value) * 10**scale)
    return str(number) if abs(number) <= 2**53 else "-"


def main(folder):
    dice = random.Random(20260329)
    with open(os.path.join(folder, "number_format.txt"), "w") as out:
        out.write("# A double's bits and its text as ECMAScript's Number::toString has it. Made by make_numbers.py.\n")
        for value in format_values(dice):
            out.write("%016x %s\n" % (bits(value), ecmascript(value)))
    with open(os.path.join(folder, "number_scale.txt"), "w") as out:
        out.write("# A double's bits, a scale, and its value in units of 10^-scale, half to even, - where there is none.\n")
        out.write("# Made by make_numbers.py.\n")
        for value, scale in scale_cases(dice):
            out.write("%016x %d %s\n" % (bits(value), scale, units(value, scale)))


main(sys.argv[1])
