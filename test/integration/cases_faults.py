"""Whatever is stopped, killed, paused or forgotten on the way: in the end nothing is missing and nothing is doubled."""
import random
import signal
import time

from catalog import case
from servers import wait_until

RATE = 2500  # records a second while things are broken: about nine seconds of load
SESSION_S = 3


def _finish(scene, config, sending=None):
    """Waits for the end of the stream and compares all that came out with the offline run."""
    if sending is not None:
        sending.result()
    scene.wait_done()
    scene.expect_equal(scene.reference(config))


@case
def redis_stopped_for_twenty_seconds_under_load(scene):
    scene.create()
    redis = scene.redis(durable=True)
    config = scene.configure(scene.settings(redis))
    daemon = scene.start(config)
    daemon.wait_ready()
    sending = scene.send_behind(scene.world.records, 800)
    time.sleep(3)
    redis.kill()
    wait_until(lambda: daemon.get("/readyz")[0] == 503, 15, "/readyz says that Redis is away")
    time.sleep(20)
    assert daemon.process.poll() is None and daemon.get("/livez")[0] == 200, "the daemon waits, alive"
    redis.start()
    _finish(scene, config, sending)
    daemon.wait_ready()
    daemon.stop()


@case
def killed_at_random_moments_under_load(scene):
    scene.create()
    config = scene.configure(scene.settings(scene.redis()))
    generator = random.Random(5)
    sending = scene.send_behind(scene.world.records, RATE)
    for _ in range(6):
        daemon = scene.start(config)
        daemon.wait_log("assigned partitions")
        time.sleep(generator.uniform(0.0, 1.5))
        daemon.kill()
    daemon = scene.start(config)
    _finish(scene, config, sending)
    daemon.stop()


@case
def a_second_instance_joins_and_the_first_leaves(scene):
    scene.create()
    config = scene.configure(scene.settings(scene.redis()))
    sending = scene.send_behind(scene.world.records, 1500)
    first = scene.start(config, "--instance", "a")
    first.wait_log("recovered partitions=3")
    second = scene.start(config, "--instance", "b")
    second.wait_log("recovered partitions=[12]")
    time.sleep(2)
    first.stop()
    second.wait_log("recovered partitions=3", 20)
    _finish(scene, config, sending)
    second.stop()


@case
def a_paused_process_that_wakes_up_after_it_was_replaced(scene):
    scene.create()
    config = scene.configure(scene.settings(scene.redis()))
    sending = scene.send_behind(scene.world.records, 1500)
    first = scene.start(config, "--instance", "a")
    second = scene.start(config, "--instance", "b")
    first.wait_log("recovered partitions=[12]")
    second.wait_log("recovered partitions=[12]")
    time.sleep(1)
    first.signal(signal.SIGSTOP)
    second.wait_log("recovered partitions=3", 20)
    time.sleep(2)
    first.signal(signal.SIGCONT)
    _finish(scene, config, sending)
    second.stop()


@case
def a_killed_instance_is_replaced_by_another_under_its_name(scene):
    scene.create()
    config = scene.configure(scene.settings(scene.redis()))
    sending = scene.send_behind(scene.world.records, RATE)
    first = scene.start(config)
    first.wait_log("recovered partitions=3")
    time.sleep(1)
    second = scene.start(config)
    second.wait_log("recovered partitions=3")
    first.wait_exit(75, 30)
    assert "fenced" in first.log()
    _finish(scene, config, sending)
    second.stop()


@case
def stopped_and_started_in_the_middle(scene):
    scene.create()
    config = scene.configure(scene.settings(scene.redis()))
    sending = scene.send_behind(scene.world.records, RATE)
    for _ in range(3):
        daemon = scene.start(config)
        daemon.wait_log("recovered partitions")
        time.sleep(1.2)
        daemon.stop()
    daemon = scene.start(config)
    _finish(scene, config, sending)
    daemon.stop()


@case
def redis_restarted_with_its_data(scene):
    scene.create()
    redis = scene.redis(durable=True)
    config = scene.configure(scene.settings(redis))
    daemon = scene.start(config)
    sending = scene.send_behind(scene.world.records, RATE)
    daemon.wait_log("recovered partitions")
    time.sleep(2)
    redis.kill()
    redis.start()
    _finish(scene, config, sending)
    assert daemon.metrics()["outlierd_rebuilds_total"] == 0, "nothing was lost, so nothing is rebuilt"
    daemon.stop()


@case
def redis_restarted_without_its_data(scene):
    scene.create()
    redis = scene.redis()
    settings = scene.settings(redis)
    settings["limits"]["cache_bytes"] = 0  # so that state is read back, not only written
    config = scene.configure(settings)
    daemon = scene.start(config)
    sending = scene.send_behind(scene.world.records, RATE)
    daemon.wait_log("recovered partitions")
    time.sleep(5)
    redis.kill()
    redis.start()
    _finish(scene, config, sending)
    wait_until(lambda: daemon.metrics()["outlierd_rebuilds_total"] == 3, 5, "every partition was rebuilt")
    daemon.stop()


@case
def redis_emptied_between_two_runs(scene):
    scene.create()
    redis = scene.redis()
    config = scene.configure(scene.settings(redis))
    half = len(scene.world.records) * 2 // 3
    scene.send(scene.world.records[:half])
    daemon = scene.start(config)
    scene.wait_done()
    daemon.stop()
    assert redis.ask("FLUSHALL") == "OK"
    scene.send(scene.world.records[half:])
    daemon = scene.start(config)
    daemon.wait_log("the store holds no state, the group stands at offset")
    _finish(scene, config)
    daemon.stop()


@case
def an_older_copy_of_redis_is_not_trusted(scene):
    """The state goes back to a snapshot while the offsets stay: what lies between is applied again, without output."""
    scene.create()
    redis = scene.redis()
    config = scene.configure(scene.settings(redis))
    for number, piece in enumerate(scene.world.pieces(3, seed=3)):
        scene.send(piece)
        daemon = scene.start(config)
        scene.wait_done()
        daemon.stop()
        if number == 0:
            redis.ask("SAVE")
    redis.kill()
    redis.start()
    scene.send(scene.world.records[-500:])  # all of them duplicates or too late
    daemon = scene.start(config)
    _finish(scene, config)
    wait_until(lambda: daemon.metrics()["outlierd_reapplied_records_total"] > 0, 5, "records were applied again")
    daemon.stop()
