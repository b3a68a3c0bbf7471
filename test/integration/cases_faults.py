"""Whatever is stopped, killed, paused or forgotten on the way: in the end nothing is missing and nothing is doubled."""

import random
import re
import signal
import time

from catalog import case
from servers import wait_until

STOPPED_SECONDS = 60
RATE = 2500  # records a second while things are broken: about nine seconds of load


def _configure(scene, redis, **limits):
    """Small batches and a store that is written seldom: every fault finds state that is behind what was committed."""
    settings = scene.settings(redis)
    settings["limits"] |= {"batch_records": 400, "write_interval": "1s"} | limits
    return scene.configure(settings)


def _finish(scene, config, sending=None):
    """Waits for the end of the stream and compares all that came out with the offline run."""
    if sending is not None:
        sending.result()
    scene.wait_done()
    scene.expect_equal(scene.reference(config))


@case
def redis_stopped_for_a_minute_under_load(scene):
    """The longest test begins first, so that the others run beside it. Records come in all the time."""
    scene.create()
    redis = scene.redis(durable=True)
    config = _configure(scene, redis)
    daemon = scene.start(config)
    daemon.wait_ready()
    sending = scene.send_behind(scene.world.records, len(scene.world.records) / (STOPPED_SECONDS + 15))
    scene.wait_committed(len(scene.world.records) // 10)
    redis.kill()
    began = time.monotonic()
    wait_until(lambda: daemon.get("/readyz")[0] == 503, 15, "/readyz says that Redis is away")
    time.sleep(began + STOPPED_SECONDS - time.monotonic())
    assert not sending.done(), "the load outlasts the outage"
    assert daemon.process.poll() is None and daemon.get("/livez")[0] == 200, "the daemon waits, alive"
    redis.start()
    _finish(scene, config, sending)
    daemon.wait_ready()
    daemon.stop()


@case
def kafka_restarted_under_load(scene):
    kafka = scene.own_kafka()
    scene.create()
    config = _configure(scene, scene.redis(), batch_records=20)  # some hundred transactions
    scene.send(scene.world.records[:8000])
    daemon = scene.start(config)
    scene.wait_committed(2000)
    kafka.halt()
    time.sleep(2)
    kafka.start()
    _finish(scene, config)
    daemon.stop()


@case
def killed_at_random_moments_under_load(scene):
    scene.create()
    config = _configure(scene, scene.redis())
    generator = random.Random(5)
    total = len(scene.world.records)
    sending = scene.send_behind(scene.world.records, RATE)
    for target in sorted(generator.sample(range(1, total), 8)):
        daemon = scene.start(config)
        scene.wait_committed(target)
        time.sleep(generator.uniform(0.0, 0.1))
        daemon.kill()
    daemon = scene.start(config)
    _finish(scene, config, sending)
    assert daemon.metrics()["outlierd_rebuilds_total"] == 0, "Redis lost nothing, so nothing is rebuilt"
    daemon.stop()


@case
def a_second_instance_joins_and_the_first_leaves(scene):
    scene.create()
    config = _configure(scene, scene.redis())
    total = len(scene.world.records)
    sending = scene.send_behind(scene.world.records, RATE)
    first = scene.start(config, "--instance", "a")
    scene.wait_committed(total // 5)
    second = scene.start(config, "--instance", "b")
    second.wait_log("recovered partitions=[12]")
    scene.wait_committed(total // 2)
    first.stop()
    second.wait_log("recovered partitions=3", 20)
    _finish(scene, config, sending)
    second.stop()


@case
def a_paused_process_that_wakes_up_after_it_was_replaced(scene):
    scene.create()
    config = _configure(scene, scene.redis())
    total = len(scene.world.records)
    sending = scene.send_behind(scene.world.records, 1500)
    first = scene.start(config, "--instance", "a")
    second = scene.start(config, "--instance", "b")
    first.wait_log("recovered partitions=[12]")
    second.wait_log("recovered partitions=[12]")
    scene.wait_committed(total // 5)
    first.signal(signal.SIGSTOP)
    second.wait_log("recovered partitions=3", 20)
    scene.wait_committed(total * 3 // 4)
    first.signal(signal.SIGCONT)
    _finish(scene, config, sending)
    second.stop()


@case
def a_killed_instance_is_replaced_by_another_under_its_name(scene):
    scene.create()
    config = _configure(scene, scene.redis())
    sending = scene.send_behind(scene.world.records, RATE)
    first = scene.start(config)
    scene.wait_committed(len(scene.world.records) // 3)
    second = scene.start(config)
    first.wait_exit(75, 30)
    assert "fenced" in first.log()
    _finish(scene, config, sending)
    second.stop()


@case
def stopped_and_started_in_the_middle(scene):
    scene.create()
    config = _configure(scene, scene.redis())
    total = len(scene.world.records)
    sending = scene.send_behind(scene.world.records, RATE)
    for share in (0.2, 0.4, 0.6, 0.8):
        daemon = scene.start(config)
        scene.wait_committed(int(share * total))
        daemon.stop()
    daemon = scene.start(config)
    _finish(scene, config, sending)
    daemon.stop()


@case
def redis_restarted_with_its_data(scene):
    scene.create()
    redis = scene.redis(durable=True)
    config = _configure(scene, redis)
    daemon = scene.start(config)
    sending = scene.send_behind(scene.world.records, RATE)
    scene.wait_committed(len(scene.world.records) // 3)
    redis.kill()
    redis.start()
    _finish(scene, config, sending)
    assert daemon.metrics()["outlierd_rebuilds_total"] == 0, "nothing was lost, so nothing is rebuilt"
    daemon.stop()


@case
def redis_restarted_without_its_data(scene):
    scene.create()
    redis = scene.redis()
    config = _configure(scene, redis, cache_bytes=0)  # so that state is read back, not only written
    daemon = scene.start(config)
    sending = scene.send_behind(scene.world.records, RATE)
    scene.wait_committed(len(scene.world.records) // 2)
    redis.kill()
    redis.start()
    _finish(scene, config, sending)
    wait_until(lambda: daemon.metrics()["outlierd_rebuilds_total"] == 3, 5, "every partition was rebuilt")
    daemon.stop()


@case
def redis_emptied_between_two_runs(scene):
    scene.create()
    redis = scene.redis()
    config = _configure(scene, redis)
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


def _evict(redis, spared):
    """Lets Redis drop the keys that were not used for longest, some tens of them, and be careful again afterwards."""
    time.sleep(1.1)  # Redis tells the times of use apart by whole seconds
    assert redis.ask("TOUCH", *spared) == str(len(spared))
    before = int(redis.ask("DBSIZE"))
    used = int(re.search(r"used_memory:(\d+)", redis.ask("INFO", "memory")).group(1))
    redis.ask("CONFIG", "SET", "maxmemory-samples", "64")
    redis.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    redis.ask("CONFIG", "SET", "maxmemory", str(used - 100000))
    redis.ask("PING")
    redis.ask("CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", "0")
    evicted = int(re.search(r"evicted_keys:(\d+)", redis.ask("INFO", "stats")).group(1))
    assert 0 < evicted == before - int(redis.ask("DBSIZE"))
    assert redis.ask("EXISTS", *spared) == str(len(spared))
    return evicted


@case
def keys_that_redis_evicted_between_two_runs_are_rebuilt(scene):
    scene.create()
    redis = scene.redis()
    config = _configure(scene, redis)
    half = len(scene.world.records) * 2 // 3
    scene.send(scene.world.records[:half])
    daemon = scene.start(config)
    scene.wait_done()
    daemon.stop()
    evicted = _evict(redis, [f"{scene.prefix}:{{{scene.prefix}/{scene.input}/{p}}}:m" for p in range(3)])
    scene.send(scene.world.records[half:])
    daemon = scene.start(config)
    daemon.wait_log(f"Redis has evicted {evicted} keys since the state was last known to be whole")
    _finish(scene, config)
    assert daemon.metrics()["outlierd_rebuilds_total"] == 3, "every partition was rebuilt"
    daemon.stop()
    daemon = scene.start(config)
    daemon.wait_ready()
    assert daemon.metrics()["outlierd_rebuilds_total"] == 0, "it is rebuilt once"
    daemon.stop()


@case
def an_older_copy_of_redis_is_not_trusted(scene):
    """The state goes back to a snapshot while the offsets stay: what lies between is applied again, without output."""
    scene.create()
    redis = scene.redis()
    config = _configure(scene, redis)
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


@case
def redis_fails_over_by_sentinel_under_load(scene):
    """Ordered failovers: for a time the old primary answers as one, and what it took then is lost."""
    scene.create()
    pair = scene.redis_pair()
    config = _configure(scene, pair, cache_bytes=0)
    daemon = scene.start(config)
    sending = scene.send_behind(scene.world.records, 1500)
    for share in (0.15, 0.4, 0.6):
        scene.wait_committed(int(share * len(scene.world.records)))
        pair.wait_fit()
        pair.failover()
    _finish(scene, config, sending)
    assert daemon.log().count("Redis' primary is ") == 4, "the daemon followed each failover"
    assert daemon.metrics()["outlierd_reapplied_records_total"] > 0, "what the old primary took was applied again"
    assert daemon.metrics()["outlierd_rebuilds_total"] == 0, "no generation was lost, so nothing is rebuilt"
    daemon.stop()


@case
def redis_primary_cut_off_while_its_replica_is_promoted(scene):
    """Two primaries answer: a daemon writes to the old one until it is killed; its successor finds the new one."""
    scene.create()
    pair = scene.redis_pair()
    config = _configure(scene, pair)
    total = len(scene.world.records)
    sending = scene.send_behind(scene.world.records, RATE)
    first = scene.start(config)
    scene.wait_committed(total // 4)
    old, new = pair.cut_off()
    scene.wait_committed(total // 2)
    first.kill()
    assert "role:master" in old.ask("INFO", "replication"), "nobody has told the old primary"
    second = scene.start(config)
    second.wait_log(f"Redis' primary is 127.0.0.1:{new.port}")
    _finish(scene, config, sending)
    assert second.metrics()["outlierd_reapplied_records_total"] > 0, "the new primary was behind"
    second.stop()


@case
def redis_primary_killed_and_its_replica_promoted(scene):
    scene.create()
    pair = scene.redis_pair()
    config = _configure(scene, pair)
    sending = scene.send_behind(scene.world.records, 1500)
    daemon = scene.start(config)
    scene.wait_committed(len(scene.world.records) // 3)
    pair.wait_fit()
    pair.primary().kill()
    _finish(scene, config, sending)
    daemon.stop()


@case
def check_online_names_each_sentinel(scene):
    scene.create()
    pair = scene.redis_pair()
    settings = scene.settings(pair)
    port = pair.port
    settings["state"]["redis"]["address"] = f"sentinel://127.0.0.1:{port},127.0.0.1:1/{pair.NAME}"
    done = scene.outlierd.run("check", "--config", scene.configure(settings), "--online")
    primary = pair.primary().port
    for line in (
        f"ok      127.0.0.1:{port}: this sentinel names 127.0.0.1:{primary}",
        "warning 127.0.0.1:1: this sentinel is of no use: cannot connect: Connection refused",
        f"ok      redis: 127.0.0.1:{primary}: version ",
    ):
        assert line in done.stdout, done.stdout
