"""The least permissions that docs/operations.md names, on a real broker over TLS: all work, and each one is needed."""

import re

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from catalog import case
from servers import KAFKA_PASSWORD, KAFKA_USER, ROOT, wait_until

MANUAL = ROOT / "docs" / "operations.md"
UNAVAILABLE = 69


def _manual():
    """The table of the manual: resource in words to operations, the needed ones and those that one can do without."""
    text = MANUAL.read_text().split("## Least permissions")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")][1:]
    return {row[0]: tuple(re.findall(r"\w+", cell.split(":")[0]) for cell in row[1:]) for row in rows}


class _Permissions:
    """What the daemon's user may do on the test's broker."""

    def __init__(self, scene):
        self.admin = scene.topics.admin
        topic, literal = ResourceType.TOPIC, ResourcePatternType.LITERAL
        self.places = {
            "input topic": [(topic, scene.input, literal)],
            "output topics": [(topic, t, literal) for t in (scene.alerts, scene.decisions, scene.late, scene.dead)],
            "group `group_id`": [(ResourceType.GROUP, scene.prefix, literal)],
            "transactional ids, prefix `PIPELINE.`": [
                (ResourceType.TRANSACTIONAL_ID, f"{scene.prefix}.", ResourcePatternType.PREFIXED)
            ],
        }

    def _bindings(self, resource, operation):
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", operation).upper()
        principal, allow = f"User:{KAFKA_USER}", AclPermissionType.ALLOW
        return [AclBinding(*place, principal, "*", AclOperation[name], allow) for place in self.places[resource]]

    def give(self, resource, operation):
        for future in self.admin.create_acls(self._bindings(resource, operation)).values():
            future.result()

    def take(self, resource, operation):
        filters = [
            AclBindingFilter(*place, b.principal, b.host, b.operation, b.permission_type)
            for place, b in zip(self.places[resource], self._bindings(resource, operation))
        ]
        for future in self.admin.delete_acls(filters).values():
            assert len(future.result()) == 1, f"{operation} on the {resource} was not given"


# Where one is missing: what the daemon says behind the broker's words.
OUTPUTS = "output topics"
TOPICS = "the user needs Read on the input topic and Write on every output topic"
MISSING = {
    ("input topic", "Read"): TOPICS,
    (OUTPUTS, "Write"): TOPICS,
    ("group `group_id`", "Read"): "the user needs Read on the group",
    ("transactional ids, prefix `PIPELINE.`", "Write"): "the user needs Write on the transactional id",
}


def _expect_end(scene, config, words):
    daemon = scene.start(config)
    daemon.wait_exit(UNAVAILABLE)
    last = daemon.log().splitlines()[-1]
    assert "AUTHORIZATION_FAILED" in last, last
    assert last.endswith(f"; {words} (docs/operations.md, least permissions)"), last


def _secured(scene, kafka):
    settings = scene.settings(scene.redis(), bootstrap_servers=kafka.secure_address)
    settings["kafka"]["properties"] = {
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": "PLAIN",
        "sasl.username": KAFKA_USER,
        "ssl.ca.location": str(kafka.certificate),
    }
    settings["kafka"]["properties_files"] = {"sasl.password": "kafka-password"}
    (scene.folder / "kafka-password").write_text(KAFKA_PASSWORD + "\n")
    return scene.configure(settings)


@case
def the_kafka_permissions_of_the_manual_suffice_and_none_is_too_many(scene):
    kafka = scene.own_kafka(secured=True)
    scene.create()
    config = _secured(scene, kafka)
    permissions, manual = _Permissions(scene), _manual()
    assert {(resource, needed) for resource in manual for needed in manual[resource][0]} == set(MISSING)
    assert set(permissions.places) == set(manual)
    for resource, columns in manual.items():
        for operation in columns[0] + columns[1]:
            permissions.give(resource, operation)
    with scene.check("with_all_of_them_it_works"):
        scene.send(scene.world.records[:2000])
        daemon = scene.start(config)
        scene.wait_done()
        daemon.stop()
        assert "state will not expire" not in daemon.log()
    with scene.check("without_those_that_one_can_do_without_it_works"):
        for resource, (_, spared) in manual.items():
            for operation in spared:
                permissions.take(resource, operation)
        scene.send(scene.world.records[2000:4000])
        daemon = scene.start(config)
        daemon.wait_log(r"warning the user may not see the input topic's settings \(DescribeConfigs\)")
        scene.wait_done()
        daemon.stop()
    scene.send(scene.world.records[4000:6000])
    for (resource, operation), words in MISSING.items():
        if resource != OUTPUTS:
            with scene.check(f"without_{operation.lower()}_on_the_{resource.split(' ')[0]}_it_ends_and_says_so"):
                permissions.take(resource, operation)
                _expect_end(scene, config, words)
                permissions.give(resource, operation)
    with scene.check("an_output_topic_that_it_may_see_but_not_write_to"):
        permissions.give(OUTPUTS, "Describe")
        permissions.take(OUTPUTS, "Write")
        _expect_end(scene, config, TOPICS)
        permissions.take(OUTPUTS, "Describe")
    with scene.check("without_write_on_output_topics_it_waits_and_says_so"):
        daemon = scene.start(config)
        daemon.wait_log(f"AUTHORIZATION_FAILED.; {TOPICS} .docs/operations.md, least permissions.; waiting for it")
        assert daemon.get("/readyz")[0] == 503
        permissions.give(OUTPUTS, "Write")
    with scene.check("nothing_is_missing_in_the_end"):
        scene.wait_done()
        scene.expect_equal(scene.reference(config))
        daemon.stop()


@case
def a_wrong_kafka_password_is_named(scene):
    kafka = scene.own_kafka(secured=True)
    scene.create()
    config = _secured(scene, kafka)
    (scene.folder / "kafka-password").write_text("another")
    daemon = scene.start(config)
    daemon.wait_log("warning kafka .*SASL authentication error")
    wait_until(lambda: daemon.get("/readyz")[0] == 503, 5, "/readyz says that it is not ready")
    assert daemon.process.poll() is None and "another" not in daemon.log()
    daemon.stop()
