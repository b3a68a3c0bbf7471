"""`outlierd audit`: a clean run is proven clean, and whatever was forged, lost or doubled is named by its record."""

import json
import re
import time

from catalog import case
from stream import PARTITIONS, Record

SUMMARY = re.compile(
    r"audited (\d+): scored (\d+), duplicate (\d+), too_late (\d+), future (\d+), invalid (\d+); equal alerts (\d+), "
    r"decisions (\d+), late letters (\d+), dead letters (\d+); not verified (\d+), of other records (\d+), "
    r"differences (\d+) in [\d.]+ s"
)
PLACES = (
    "audited scored duplicate too_late future invalid alerts decisions late dead not_verified other differences".split()
)


def _audit(scene, config, *arguments, status=0):
    """The lines before the summary, and the numbers of it by name."""
    done = scene.outlierd.run("audit", "--config", config, *arguments, status=status)
    *lines, last = done.stdout.splitlines()
    numbers = SUMMARY.fullmatch(last)
    assert numbers, f"{done.stdout[-3000:]}\n{done.stderr[-2000:]}"
    counts = dict(zip(PLACES, map(int, numbers.groups())))
    if status == 65:
        assert done.stderr.splitlines()[-1] == f"outlierd audit: {counts['differences']} differences", done.stderr
    return lines, counts


def _run(scene, settings, records=None):
    """A daemon over the stream, to its end."""
    config = scene.configure(settings)
    scene.send(scene.world.records if records is None else records)
    daemon = scene.start(config)
    scene.wait_done()
    daemon.stop()
    return config


def _copy(scene, topic, messages, partitions=2):
    """A topic of its own with these messages in it, keys and headers included."""
    scene.topics.create([topic], partitions)
    scene.topics.send(topic, [_again(message) for message in messages])


def _again(message, **changed):
    members = {"key": message.key, "value": message.value, "headers": tuple(message.headers)} | changed
    return Record(message.partition, message.timestamp, **members)


def _record_of(scene, message):
    value = json.loads(message.value)
    return f"{scene.input} {value['partition']}:{value['offset']}"


@case
def audit_of_a_clean_run_finds_nothing(scene):
    scene.create()
    config = _run(scene, scene.settings(None) | {"state": {"memory": {}, "max_events": 64}})
    reference = scene.reference(config)
    lines, counts = _audit(scene, config)
    assert lines == []
    wanted = dict(reference.outcomes) | {
        "audited": len(scene.world.records),
        "alerts": len(reference.alerts),
        "decisions": len(reference.decisions),
        "late": reference.outcomes["too_late"],
        "dead": reference.outcomes["invalid"] + reference.outcomes["future"],
        "not_verified": 0,
        "other": 0,
        "differences": 0,
    }
    assert counts == wanted, f"{counts}, not {wanted}"
    with scene.check("messages_of_other_pipelines_are_not_judged"):
        alert = scene.topics.read(scene.alerts)[0]
        foreign = json.dumps(json.loads(alert.value) | {"pipeline": "another"}).encode()
        scene.topics.send(scene.alerts, [_again(alert, value=foreign)])
        assert _audit(scene, config)[1] == wanted | {"other": 1}
    with scene.check("from_a_time_on"):
        stamps = sorted(record.timestamp for record in scene.world.records)
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(stamps[len(stamps) * 9 // 10] / 1000))
        lines, counts = _audit(scene, config, "--from", since)
        assert len(lines) == PARTITIONS and all("earlier history is missing" in line for line in lines), lines
        assert counts["differences"] == 0 and 0 < counts["decisions"] < wanted["decisions"], counts
    with scene.check("a_wrong_time_is_refused"):
        done = scene.outlierd.run("audit", "--config", config, "--from", "yesterday", status=64)
        assert '--from "yesterday" is not a time such as 2026-03-29T01:00:00Z' in done.stderr, done.stderr


@case
def audit_names_what_was_forged_doubled_and_lost(scene):
    scene.create()
    settings = scene.settings(None) | {"state": {"memory": {}, "max_events": 64}}
    config = _run(scene, settings)
    alerts, decisions = scene.topics.read(scene.alerts), scene.topics.read(scene.decisions)
    letters = scene.topics.read(scene.dead)

    def audited(name, **topics):
        changed = json.loads(json.dumps(settings))
        for output, topic in topics.items():
            changed["output"][output]["topic"] = topic
        return _audit(scene, scene.configure(changed, f"{name}.json"), status=65)

    with scene.check("an_alert_that_is_missing"):
        _copy(scene, f"{scene.prefix}.missing", alerts[:3] + alerts[4:])
        lines, counts = audited("missing", alerts=f"{scene.prefix}.missing")
        assert lines == [f"{_record_of(scene, alerts[3])}: its alert is missing"], lines
        assert counts["alerts"] == len(alerts) - 1 and counts["differences"] == 1
    with scene.check("an_alert_twice"):
        _copy(scene, f"{scene.prefix}.twice", [*alerts, alerts[5]])
        at = sum(alert.partition == alerts[5].partition for alert in alerts)
        lines, _ = audited("twice", alerts=f"{scene.prefix}.twice")
        place = f"at offset {at} of partition {alerts[5].partition} of its topic"
        assert lines == [f"{_record_of(scene, alerts[5])}: one alert too many, {place}"], lines
    with scene.check("an_alert_that_says_something_else"):
        value = json.loads(alerts[0].value)
        forged = json.dumps(value | {"score": value["score"] / 2}).encode()
        _copy(scene, f"{scene.prefix}.changed", [_again(alerts[0], value=forged), *alerts[1:]])
        lines, _ = audited("changed", alerts=f"{scene.prefix}.changed")
        assert len(lines) == 1 and lines[0].startswith(
            f"{_record_of(scene, alerts[0])}: its alert is another one, at offset 0 of partition "
        ), lines
    with scene.check("an_alert_of_an_event_that_gives_none"):
        quiet = next(message for message in decisions if not json.loads(message.value)["flagged"])
        places = {name: json.loads(quiet.value)[name] for name in ("partition", "offset")}
        forged = json.dumps(json.loads(alerts[0].value) | places).encode()
        _copy(scene, f"{scene.prefix}.extra", [*alerts, _again(alerts[0], value=forged)])
        lines, _ = audited("extra", alerts=f"{scene.prefix}.extra")
        assert len(lines) == 1 and lines[0].startswith(f"{_record_of(scene, quiet)}: one alert too many, at "), lines
    with scene.check("a_decision_and_a_letter_that_are_missing"):
        _copy(scene, f"{scene.prefix}.decisions2", decisions[1:])
        _copy(scene, f"{scene.prefix}.dead2", letters[:-1])
        lines, _ = audited("lost", decisions=f"{scene.prefix}.decisions2", dead_letters=f"{scene.prefix}.dead2")
        headers = dict(letters[-1].headers)
        place = ":".join(headers[f"__connect.errors.{part}"].decode() for part in ("partition", "offset"))
        wanted = [
            f"{_record_of(scene, decisions[0])}: its decision is missing",
            f"{scene.input} {place}: its dead letter is missing",
        ]
        assert sorted(lines) == sorted(wanted), lines
    with scene.check("a_message_that_cannot_be_read"):
        _copy(scene, f"{scene.prefix}.garbage", [*alerts, _again(alerts[0], value=b"{")])
        lines, _ = audited("garbage", alerts=f"{scene.prefix}.garbage")
        assert len(lines) == 1 and lines[0].startswith("alert that cannot be read, at offset "), lines
    assert _audit(scene, config)[1]["differences"] == 0


@case
def audit_of_avro_without_decisions_and_with_pseudonyms(scene):
    scene.create()
    settings = scene.settings(None) | {"state": {"memory": {}, "max_events": 64}}
    settings["output"].pop("decisions")
    settings["output"]["alerts"]["format"] = "avro"
    settings["privacy"] = {"key_file": "pseudonym-key", "pseudonymize": ["entity"]}
    (scene.folder / "pseudonym-key").write_bytes(b"a key of this test")
    config = _run(scene, settings)
    lines, counts = _audit(scene, config)
    assert lines == [] and counts["alerts"] > 0 and counts["decisions"] == 0 and counts["late"] > 0, counts
    alerts = scene.topics.read(scene.alerts)
    _copy(scene, f"{scene.prefix}.doubled", [*alerts, alerts[0]])
    settings["output"]["alerts"]["topic"] = f"{scene.prefix}.doubled"
    lines, _ = _audit(scene, scene.configure(settings, "doubled.json"), status=65)
    assert len(lines) == 1 and re.match(rf"{scene.input} \d:\d+: one alert too many, at offset ", lines[0]), lines


@case
def audit_says_what_it_cannot_verify(scene):
    """Retention has cut the topic; another model decided the beginning; the group began in the middle."""
    scene.create()
    settings = scene.settings(None) | {"state": {"memory": {}, "max_events": 64}}
    half = len(scene.world.records) // 2
    config = _run(scene, settings, scene.world.records[:half])
    scene.outlierd.run("model", "promote", "--config", config, scene.world.model_ids[1])
    scene.send(scene.world.records[half:])
    daemon = scene.start(config)
    scene.wait_done()
    daemon.stop()
    with scene.check("of_another_model"):
        lines, counts = _audit(scene, config)
        assert lines == [] and counts["not_verified"] >= half * 0.9 and counts["differences"] == 0, counts
    with scene.check("of_records_that_are_gone"):
        scene.topics.delete_records(scene.input, 0, 500)
        lines, counts = _audit(scene, config)
        assert len(lines) == 1 and re.fullmatch(
            rf"{scene.input} partition 0: read from offset 500, earlier history is missing: "
            r"compared from offset \d+ on",
            lines[0],
        ), lines
        assert counts["differences"] == 0 and counts["other"] > 0, counts


@case
def audit_begins_where_the_group_began(scene):
    scene.create()
    settings = scene.settings(None, auto_offset_reset="latest") | {"state": {"memory": {}, "max_events": 64}}
    settings["state"] = scene.settings(scene.redis())["state"]
    third = len(scene.world.records) // 3
    scene.send(scene.world.records[:third])
    config = scene.configure(settings)
    daemon = scene.start(config)
    daemon.wait_ready()
    scene.send(scene.world.records[third:])
    scene.wait_done()
    lines, counts = _audit(scene, config)  # beside the daemon, which goes on
    assert len(lines) == PARTITIONS and all(
        re.fullmatch(
            rf"{scene.input} partition \d: the state begins at offset \d+, \d+ records before it are not audited", line
        )
        for line in lines
    ), lines
    assert counts["differences"] == 0 and counts["decisions"] > third, counts
    daemon.stop()
