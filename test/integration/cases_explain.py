"""`outlierd explain`: a decision made again from the topic, whatever model and policy there are by now."""

import json

from catalog import case


def _explain(scene, config, *arguments, status=0):
    done = scene.outlierd.run("explain", "--config", config, "--json", *arguments, status=status)
    return json.loads(done.stdout), done.stderr


def _decided(scene, settings):
    config = scene.configure(settings)
    scene.send(scene.world.records)
    daemon = scene.start(config)
    scene.wait_done()
    daemon.stop()
    return config


@case
def decisions_are_made_again_from_the_topic(scene):
    scene.create()
    settings = scene.settings(scene.redis())
    config = _decided(scene, settings)
    alerts = [message.value for message in scene.topics.read(scene.alerts)]
    decisions = [json.loads(message.value) for message in scene.topics.read(scene.decisions)]
    path = scene.folder / "alert.json"
    alert = json.loads(alerts[-1])
    path.write_bytes(alerts[-1])
    with scene.check("an_alert_matches"):
        found, _ = _explain(scene, config, "--alert", path)
        assert found["result"] == "match" and found["alert_published"] and found["decision_published"], found
        assert (found["score"], found["rank"], found["entity"]) == (alert["score"], alert["rank"], alert["entity"])
        assert found["history"] and found["history_whole"]
        for contribution in alert["contributions"]:
            assert found["contributions"][contribution["feature"]] == contribution["contribution"]
    with scene.check("a_report_for_people_and_a_plot"):
        plot = scene.folder / "alert.svg"
        done = scene.outlierd.run("explain", "--config", config, "--alert", path, "--plot", plot)
        for words in ("before it", "flagged", alert["entity"], "usually", "log2 of the score", alert["model_id"],
                      "match: every byte published is what the topic gives"):
            assert words in done.stdout, done.stdout
        assert "</svg>" in plot.read_text() and alert["event_id"] in plot.read_text()
    with scene.check("a_decision_that_is_no_alert_matches"):
        quiet = next(d for d in reversed(decisions) if not d["flagged"])
        found, _ = _explain(scene, config, "--at", f"{quiet['partition']}:{quiet['offset']}")
        assert found["result"] == "match" and not found["flagged"] and not found["alert_published"], found
        assert found["features"] == quiet["features"]
    with scene.check("a_record_that_was_refused_says_why"):
        scored = {(d["partition"], d["offset"]) for d in decisions}
        offset = next(o for o in range(10**6) if (0, o) not in scored)
        found, _ = _explain(scene, config, "--at", f"0:{offset}")
        assert found["outcome"] in ("duplicate", "too_late", "future", "invalid") and found["result"] == "alone", found
    with scene.check("a_forged_alert_is_named"):
        path.write_text(json.dumps(alert | {"score": alert["score"] / 2}))
        found, said = _explain(scene, config, "--alert", path, status=65)
        assert found["result"] == "difference" and found["difference"].startswith("score: "), found
        assert said.splitlines()[-1] == f"outlierd explain: {found['difference']}", said
    path.write_bytes(alerts[-1])
    with scene.check("after_model_and_policy_have_changed"):
        other = next(m for m in scene.world.model_ids if m != alert["model_id"])
        scene.outlierd.run("model", "promote", "--config", config, other)
        changed = json.loads(json.dumps(settings))
        changed["policy"] = {"threshold": {"quantile": 0.5}, "rules": []}
        later = scene.configure(changed, "later.json")
        found, _ = _explain(scene, later, "--alert", path)
        assert found["result"] == "match" and found["note"] is None, found
        assert (found["model_id"], found["policy_id"]) == (alert["model_id"], alert["policy_id"])
    with scene.check("a_model_that_is_gone_is_said"):
        gone = scene.folder / "models" / f"{alert['model_id']}.json"
        text = gone.read_text()
        gone.unlink()
        found, _ = _explain(scene, later, "--alert", path, status=65)
        assert "is not to be had" in found["note"], found
        gone.write_text(text[:-40])
        done = scene.outlierd.run("model", "verify", "--config", config, status=65)
        assert "2 models, 1 policies, 1 damaged" in done.stdout, done.stdout
        gone.write_text(text)
        done = scene.outlierd.run("model", "verify", "--config", config)
        assert done.stdout == "2 models, 1 policies, 0 damaged\n", done.stdout
    with scene.check("under_other_features_it_is_refused"):
        changed = json.loads(json.dumps(settings))
        changed["features"] = changed["features"][:-1]
        changed["policy"]["rules"] = []
        _, said = "", scene.outlierd.run("explain", "--config", scene.configure(changed, "fewer.json"), "--alert", path,
                                         status=78).stderr
        assert f"it was decided with feature set {alert['feature_set_id']}" in said, said
    with scene.check("what_is_no_alert_is_refused"):
        for text, wanted in (("{}", "no alert or decision: topic, partition and offset are missing"),
                             ("nonsense", "neither a JSON object nor framed Avro"),
                             (json.dumps(alert | {"topic": "other"}), "it is of the topic other")):
            path.write_text(text)
            said = scene.outlierd.run("explain", "--config", config, "--alert", path, status=65).stderr
            assert wanted in said, said
        said = scene.outlierd.run("explain", "--config", config, "--at", "9:1", status=65).stderr
        assert "has no partition 9" in said, said
        assert scene.outlierd.run("explain", "--config", config, "--at", "x", status=64)


@case
def a_decision_outlives_the_topic(scene):
    scene.create()
    settings = scene.settings(scene.redis())
    settings["output"]["alerts"]["format"] = settings["output"]["decisions"]["format"] = "avro"
    config = _decided(scene, settings)
    messages = scene.topics.read(scene.alerts)
    path = scene.folder / "alert.bin"
    path.write_bytes(messages[-1].value)
    with scene.check("an_alert_in_avro_matches"):
        found, _ = _explain(scene, config, "--at", "0:0")
        assert found["result"] == "match", found
    ends = scene.topics.ends(scene.input)
    place = "0:{}".format(ends[0] // 2)
    whole, _ = _explain(scene, config, "--at", place)
    scene.topics.delete_records(scene.input, 0, ends[0] - 10)
    with scene.check("from_the_recorded_vector"):
        found, _ = _explain(scene, config, "--at", place)
        assert found["result"] == "vector" and not found["in_topic"] and found["decision_published"], found
        assert whole["result"] == "match"
    with scene.check("with_a_part_of_its_history"):
        found, _ = _explain(scene, config, "--at", f"0:{ends[0] - 1}")
        assert found["in_topic"] and not found["history_whole"], found
        assert found["result"] in ("vector", "alone"), found
