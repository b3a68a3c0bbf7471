"""Reading the topic again: vectors of a stretch of it are the vectors that were decided on."""

import csv
import json
import time

import fastavro

from catalog import case

COORDINATES = ("_partition", "_offset")


def _rows(path):
    with open(path, newline="") as file:
        return {tuple(int(row[name]) for name in COORDINATES): row for row in csv.DictReader(file)}


def _features(scene, config, name, *arguments, status=0):
    path = scene.folder / f"{name}.csv"
    done = scene.outlierd.run("features", "--config", config, "--output", path, *arguments, status=status)
    return (_rows(path) if status == 0 else None), done.stderr


def _short(settings):
    """The same with windows of a day at most: then a stretch needs only a part of what is before it."""
    kept = [f for f in settings["features"] if f.get("window", "1d")[-1] in "hms" or f.get("window", "1d") == "1d"]
    names = {f["name"] for f in kept}
    settings["features"] = [f for f in kept if not (set(f.get("of", [])) - names)]
    names = {f["name"] for f in settings["features"]}
    settings["policy"]["rules"] = [
        rule
        for rule in settings["policy"]["rules"]
        if all(c.get("feature", next(iter(names))) in names for c in ([rule["when"]] if isinstance(rule["when"], dict) else rule["when"]))
    ]
    return settings


def _stamp(ms):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + f".{ms % 1000:03}Z"


@case
def vectors_of_the_topic_are_those_of_the_decisions(scene):
    scene.create()
    config = scene.configure(scene.settings(scene.redis()))
    scene.send(scene.world.records)
    daemon = scene.start(config)
    scene.wait_done()
    whole, said = _features(scene, config, "whole", "--from", "earliest", "--keep", "amount")
    events, left_out = scene.dump(scene.folder / "dump.avro")
    of_file, said_of_file = _features(scene, config, "file", "--input", scene.folder / "dump.avro", "--keep", "amount")
    with scene.check("as_of_a_file_of_the_same_records"):
        assert len(whole) > 15000 and whole.keys() == of_file.keys()
        for place, row in whole.items():
            kept, wanted = float(row.pop("amount")), float(of_file[place].pop("amount"))
            assert kept == wanted and row == of_file[place], f"{place}: {row}, of the file {of_file[place]}"
        assert said.splitlines()[-1].split(": ")[1].split(", invalid")[0] == said_of_file.splitlines()[-1].split(": ")[1].split(", invalid")[0]
        assert int(said.split(", invalid ")[1]) == int(said_of_file.split(", invalid ")[1]) + left_out
    with scene.check("as_in_the_decisions"):
        decisions = [json.loads(message.value) for message in scene.topics.read(scene.decisions)]
        assert len(decisions) == len(whole)
        for decision in decisions:
            row = whole[decision["partition"], decision["offset"]]
            for name, value in decision["features"].items():
                assert value == (float(row[name]) if row[name] else None), f"{name}: {value}, {row}"
            assert row["_flags"].split() == [f for f in decision["flags"] if f != "fallback"], (row, decision)
    with scene.check("models_of_vectors_and_of_decisions_are_the_same"):
        _check_training(scene, config, whole)
    with scene.check("group_and_state_are_not_touched"):
        assert daemon.process.poll() is None
        assert scene.topics.committed(scene.prefix, scene.input, 3)
    with scene.check("rejects_name_every_other_record"):
        rejects = scene.folder / "rejects.jsonl"
        _features(scene, config, "rejected", "--from", "earliest", "--rejects", rejects)
        lines = [json.loads(line) for line in rejects.read_text().splitlines()]
        assert len(lines) + len(whole) == len(scene.world.records)
        assert {line["outcome"] for line in lines} == {"duplicate", "too_late", "future", "invalid"}
    with scene.check("labels_are_those_known_at_a_time"):
        labels = scene.folder / "labels.csv"
        ids = [(row["_event_id"], int(row["_time_ms"])) for row in whole.values()][:2000]
        labels.write_text("_event_id,label\n" + "".join(f"{name},{i % 2}\n" for i, (name, _) in enumerate(ids)))
        middle = sorted(at for _, at in ids)[1000]
        some, said = _features(scene, config, "labelled", "--from", "earliest", "--labels", labels, "--label-delay", "1h",
                               "--as-of", _stamp(middle + 3_600_000))
        joined = {row["_event_id"]: row["label"] for row in some.values() if row["label"]}
        assert joined == {name: str(i % 2) for i, (name, at) in enumerate(ids) if at <= middle}
        assert f"labels: {len(joined)} joined, {2000 - len(joined)} not known yet, 0 without a vector" in said, said
    daemon.stop()


def _check_training(scene, config, whole):
    """From the topic, from a file of lines, from an Avro file, from vectors: the same rows, so the same bytes."""
    values = [message.value for message in scene.topics.read(scene.decisions)]
    lines = scene.folder / "decisions.jsonl"
    lines.write_bytes(b"\n".join(values) + b"\n")
    schema = {"type": "record", "name": "Decision", "fields": [
        {"name": name, "type": "string"} for name in ("event_id", "entity", "topic", "feature_set_id")
    ] + [{"name": name, "type": "long"} for name in ("event_time", "partition", "offset")] + [
        {"name": "flags", "type": {"type": "array", "items": "string"}},
        {"name": "features", "type": {"type": "record", "name": "Features", "fields": [
            {"name": name, "type": ["null", "double"]} for name in json.loads(values[0])["features"]]}}]}
    container = scene.folder / "decisions.avro"
    with open(container, "wb") as file:
        fastavro.writer(file, schema, [json.loads(value) for value in values], codec="deflate")
    models = {}
    for name, arguments in (
        ("vectors", ("--input", scene.folder / "plain.csv")),
        ("topic", ("--from", "earliest")),
        ("lines", ("--input", lines)),
        ("container", ("--input", container)),
    ):
        if name == "vectors":
            _features(scene, config, "plain", "--from", "earliest")
        done = scene.outlierd.run("train", "--config", config, "--output", scene.folder / f"{name}.json", *arguments)
        models[name] = (scene.folder / f"{name}.json").read_bytes()
        assert name == "vectors" or f"{len(whole)} decisions; left out 0 of other feature sets" in done.stderr, done.stderr
    assert len(set(models.values())) == 1, {name: len(model) for name, model in models.items()}
    for arguments, wanted in ((("--from", "earliest", "--input", lines), "--input and --from: one of them"),
                              ((), "--input F is missing, or --from EDGE")):
        said = scene.outlierd.run("train", "--config", config, "--output", "x", *arguments, status=64).stderr
        assert wanted in said, said


@case
def a_stretch_has_the_vectors_of_the_whole(scene):
    scene.create()
    config = scene.configure(_short(scene.settings(scene.redis())) | {"state": {"memory": {}, "max_events": 64}})
    scene.send(scene.world.records)
    whole, _ = _features(scene, config, "whole", "--from", "earliest")
    ends = scene.topics.ends(scene.input)
    stamps = sorted(record.timestamp for record in scene.world.records if record.timestamp > 0)
    with scene.check("from_offsets"):
        since = {p: end * 2 // 3 for p, end in ends.items()}
        until = {p: end * 5 // 6 for p, end in ends.items()}
        some, _ = _features(scene, config, "offsets", "--from", ",".join(f"{p}:{o}" for p, o in since.items()),
                            "--to", ",".join(f"{p}:{o}" for p, o in until.items()))
        wanted = {at: row for at, row in whole.items() if since[at[0]] <= at[1] < until[at[0]]}
        assert len(wanted) > 1000 and some == wanted
    with scene.check("of_one_partition"):
        some, _ = _features(scene, config, "one", "--from", f"1:{since[1]}")
        assert some == {at: row for at, row in whole.items() if at[0] == 1 and at[1] >= since[1]}
    with scene.check("from_a_time_on"):
        some, _ = _features(scene, config, "time", "--from", _stamp(stamps[len(stamps) * 3 // 4]))
        assert some and some == {at: whole[at] for at in some}
        firsts = {p: min(at[1] for at in some if at[0] == p) for p in ends}
        assert all(at in some for at in whole if at[1] >= firsts[at[0]])
    with scene.check("without_history_vectors_say_warming"):
        some, said = _features(scene, config, "cold", "--from", f"1:{since[1]}", "--warm-up", "0s")
        assert "is missing: features are flagged warming" in said, said
        first = min(some)
        assert "warming" in some[first]["_flags"] and some[first] != whole[first]
    with scene.check("wrong_edges_are_refused"):
        for arguments, status, wanted in (
            (("--from", "noon"), 64, '--from: expected earliest, latest, committed, a time such as'),
            (("--from", "0:1,2"), 64, '--from: expected earliest, latest'),
            (("--from", f"0:{ends[0] + 1}"), 65, f"offset {ends[0] + 1} is beyond the log's end {ends[0]}"),
            (("--from", "earliest", "--input", "x.csv"), 64, "do not go with --from"),
            (("--to", "latest"), 64, "--input F is missing, or --from EDGE"),
            (("--from", "earliest", "--keep", "merchant.id"), 64, "--keep merchant.id: of a topic only configured fields"),
        ):
            _, said = _features(scene, config, "wrong", *arguments, status=status)
            assert wanted in said, said
