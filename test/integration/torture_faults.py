"""The faults of a torture round: what is done to daemons, Redis and broker, at moments drawn from a seed."""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time

SESSION_SECONDS = 2.0
PROMOTION_SECONDS, ORDER_SECONDS = 60, 5
LEAVE_SECONDS = 15  # 10 are promised, of a process that gets its share of the machine
RESTARTABLE = (75,)  # fenced: two unknown outcomes within a minute; an operator would start it again


class Slot:
    """One instance's place: a daemon that is killed, paused, taken away and started again."""

    def __init__(self, torture, name):
        self.torture, self.name = torture, name
        self.random, self.counts = torture.random, torture.counts
        self.daemon = None
        self.next = 0.0
        self.act = self._start

    def _start(self, now):
        self.daemon = self.torture.start(self.name)
        self._later(now, self._hurt, self.random.expovariate(1 / self.torture.pace))

    def _later(self, now, act, seconds):
        self.act, self.next = act, now + seconds

    def _hurt(self, now):
        what = self.random.choices(("kill", "zombie", "leave"), (70, 16, 14))[0]
        getattr(self, f"_{what}")(now)

    def revive(self):
        if self.daemon.process.poll() in RESTARTABLE:
            self.counts["ended as fenced"] += 1
            self.daemon = self.torture.start(self.name)

    def ready(self):
        self.revive()
        try:
            return self.daemon.get("/readyz")[0] == 200
        except (OSError, AssertionError):
            return False

    def kill(self):
        self.counts["kills"] += 1
        self.torture.killed.append(time.monotonic())
        self.daemon.kill()

    def start(self, now):
        self._start(now)

    def _kill(self, now):
        self.kill()
        # A static member that comes back in time keeps its partitions; one that does not is replaced.
        self._later(now, self._start, self.random.choice((0.0, 0.0, self.random.uniform(0, 1), SESSION_SECONDS + 1)))

    def _zombie(self, now):
        self.counts["zombies"] += 1
        self.daemon.signal(signal.SIGSTOP)
        self._later(now, self._wake, SESSION_SECONDS + self.random.uniform(0.5, 2))

    def _wake(self, now):
        self.daemon.signal(signal.SIGCONT)
        self._later(now, self._hurt, self.random.expovariate(1 / self.torture.pace))

    def _leave(self, now):
        self.counts["left"] += 1
        self.left = now
        self.daemon.signal(signal.SIGTERM)
        self._later(now, self._gone, 0.1)

    def _gone(self, now):
        status = self.daemon.process.poll()
        if status is None:
            assert now - self.left < LEAVE_SECONDS, f"instance {self.name} does not end within {LEAVE_SECONDS} s"
            self._later(now, self._gone, 0.1)
            return
        # A SIGTERM that comes before the program has begun ends it the way it ends any program.
        self.expect(status, (0, -signal.SIGTERM, *RESTARTABLE))
        self._later(now, self._start, self.random.choice((0.0, self.random.uniform(1, 2 * SESSION_SECONDS))))

    def turn(self, now):
        ended = None if self.daemon is None else self.daemon.process.poll()
        if ended is not None and self.act in (self._hurt, self._wake):
            self.expect(ended, RESTARTABLE)
            self.counts["ended as fenced"] += 1
            self._later(now, self._start, 0.2)
        if now >= self.next:
            self.act(now)

    def heal(self, now):
        """The faults are over: wakes or starts it."""
        if self.act == self._wake:
            self._wake(now)
        if self.act == self._gone:
            self.daemon.process.wait(LEAVE_SECONDS)
        if self.daemon is None or self.daemon.process.poll() is not None or self.act == self._start:
            self._start(now)

    def expect(self, status, allowed):
        assert status in allowed, f"instance {self.name} ended with status {status}"


class Killer:
    """Kills one instance at a time and starts it again at once, as a service manager would."""

    def __init__(self, torture, slots):
        self.torture, self.slots = torture, slots
        self.next = 0.0
        self.began = False

    def turn(self, now):
        if now < self.next:
            return
        if not self.began:
            for slot in self.slots:
                slot.start(now)
        else:
            slot = self.torture.random.choice(self.slots)
            slot.kill()
            slot.start(now)
        self.next = now + (4.0 if not self.began else self.torture.random.uniform(2.5, 3.5))
        self.began = True

    def heal(self, now):
        pass


class RedisFaults:
    """One durable Redis: killed and started from its AOF, or empty."""

    def __init__(self, torture, server):
        self.torture, self.server = torture, server
        self.random, self.counts = torture.random, torture.counts
        self.act, self.next = self._hurt, torture.random.uniform(1, 5)
        self.lost = False  # state was lost, so that it is compared in canonical form

    @property
    def port(self):
        return self.server.port

    def _hurt(self, now):
        self.torture.outage()
        self.server.kill()
        if self.random.random() < 0.3:
            self.counts["Redis restarted empty"] += 1
            self.lost = True
            for data in self.server.folder.glob("appendonlydir"):
                shutil.rmtree(data)
        else:
            self.counts["Redis restarted from its AOF"] += 1
        self.act, self.next = self._start, now + self.random.uniform(0, 2)

    def _start(self, now):
        self.server.start()
        self.torture.outage()
        self.act, self.next = self._hurt, now + self.random.uniform(2, 6)

    def turn(self, now):
        if now >= self.next:
            self.act(now)

    def heal(self, now):
        if self.act == self._start:
            self._start(now)


class SentinelFaults:
    """A pair behind a sentinel: ordered failovers, a dead primary, one that answers on beside its successor."""

    lost = False

    def __init__(self, torture, pair):
        self.torture, self.pair = torture, pair
        self.random, self.counts = torture.random, torture.counts
        self.act, self.next = self._hurt, torture.random.uniform(1, 3)
        self.old = None

    @property
    def port(self):
        return self.pair.primary().port

    def _fit(self):
        replica = self.pair.replica().ask("INFO", "replication")
        known = self.pair.ask("SENTINEL", "REPLICAS", self.pair.NAME)
        return (
            "master_link_status:up" in replica
            and "role-reported\nslave" in known
            and "master-link-status\nok" in known
        )

    def _hurt(self, now):
        self.next = now + 0.2
        if not self._fit():
            return
        self.torture.outage()
        self.old = self.pair.primary()
        what = self.random.choices(("order", "kill", "cut_off"), (60, 20, 20))[0]
        if what == "order" and self.pair.ask("SENTINEL", "FAILOVER", self.pair.NAME) != "OK":
            return
        if what == "kill":
            self.old.kill()
        if what == "cut_off":
            self.pair.cut_off()
            self.next = now + self.random.uniform(1, 4)
            self.act = self._follow
        else:
            self.act = self._wait
        self.began = now

    def _wait(self, now):
        """Until another one is the primary; the old one comes back, and the sentinel makes it a replica."""
        self.next = now + 0.1
        assert now - self.began < PROMOTION_SECONDS, "the sentinel has promoted nobody"
        if self.pair.primary() is self.old:
            if now - self.began > ORDER_SECONDS and self.old.process.poll() is None:
                self.act = self._hurt  # it has given up an ordered failover
            return
        self._failed_over(now)
        if self.old.process.poll() is not None:
            self.old.start()

    def _follow(self, now):
        """The old primary, which nobody had told, becomes the new one's replica at last."""
        self.old.ask("REPLICAOF", "127.0.0.1", str(self.pair.primary().port))
        self.old.ask("CLIENT", "KILL", "TYPE", "normal")
        self.counts["primaries that answered beside their successor"] += 1
        self._failed_over(now)

    def _failed_over(self, now):
        self.counts["Redis failovers"] += 1
        self.torture.outage()
        self.act, self.next = self._hurt, now + self.random.uniform(0, 1)

    def turn(self, now):
        if now >= self.next:
            self.act(now)

    def heal(self, now):
        while self.act != self._hurt:
            self.next = 0
            self.act(now)
            time.sleep(0.1)
            now += 0.1


class BrokerFaults:
    """The broker, killed and started again; with_redis: together with Redis."""

    def __init__(self, torture, kafka, redis, with_redis):
        self.torture, self.kafka, self.redis, self.with_redis = torture, kafka, redis, with_redis
        self.counts = torture.counts
        self.next = torture.random.uniform(4, 10)
        self.restart = None
        self.left = 1

    def turn(self, now):
        if now < self.next or self.restart is not None or self.left == 0:
            return
        self.left -= 1
        self.torture.outage()
        self.counts["broker restarts"] += 1
        os.kill(int((self.kafka.folder / "pid").read_text()), signal.SIGKILL)
        if self.with_redis and isinstance(self.redis, RedisFaults) and self.redis.act == self.redis._hurt:
            self.counts["broker and Redis at once"] += 1
            self.redis.act(now)
        self.restart = threading.Thread(target=self._start)
        self.restart.start()

    def _start(self):
        self.kafka.start()
        self.torture.outage()

    def heal(self, _):
        if self.restart is not None:
            self.restart.join()


class FullDisk:
    """A file system without room for the registry's cache and for another model; skipped where it cannot be mounted."""

    def __init__(self, folder):
        self.folder = folder / "full"
        self.folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", self.folder], capture_output=True, text=True, check=False
        )
        self.mounted = done.returncode == 0
        self.why = done.stderr.strip()

    def fill(self):
        with open(self.folder / "filler", "wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass

    def stop(self):
        if self.mounted:
            subprocess.run(["umount", self.folder], check=True)

