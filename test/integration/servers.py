"""Real servers for the tests: Apache Kafka, Redis, a schema registry, each on free ports, ended by process id."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPS = pathlib.Path(os.environ.get("OUTLIERD_DEPS") or ROOT / ".deps")
TOOLS = ROOT / "test" / "tools"
START_SECONDS = 30
KAFKA_USER, KAFKA_PASSWORD = "outlierd", "PASSWORD"  # of a secured broker: test/tools/kafka-server


def start_process(arguments, log, **options):
    """Starts a program that never outlives the thread that started it, however that ends. log: a file's path."""
    with open(log, "ab") as out:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=out, **options
        )


def free_port():
    """A free port below the ephemeral range, so that no client's socket takes it while its server is away."""
    while True:
        port = 10000 + int.from_bytes(os.urandom(2), "big") % 9000
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def wait_until(condition, seconds, what, every=0.05):
    """Polls until the condition holds and returns what it returned; fails after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)


def end_process(process, how=signal.SIGTERM, seconds=10):
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _certify(certificate, keystore):
    """A self-signed certificate for 127.0.0.1, and a file with its key and itself."""
    key = keystore.with_suffix(".key")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    keystore.write_text(key.read_text() + certificate.read_text())


class Kafka:
    """A broker (test/tools/kafka-server). Its owner calls start(); stop() ends it at any time, and removes its data."""

    def __init__(self, folder, secured=False):
        """secured: with a listener for users over TLS too, who may do what ACLs allow them."""
        self.folder = folder / "kafka"
        self.address = self.secure_address = None
        self.tool = None
        self.environment = dict(os.environ)
        self.certificate = folder / "kafka.pem"
        if secured:
            keystore = folder / "kafka-keystore.pem"
            self.environment["KAFKA_KEYSTORE"] = str(keystore)
            _certify(self.certificate, keystore)

    def _run(self, word):
        command = [TOOLS / "kafka-server", word, self.folder]
        self.tool = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=self.environment)
        output, _ = self.tool.communicate()
        assert self.tool.returncode == 0, f"kafka-server {word}: status {self.tool.returncode}"
        return output

    def start(self):
        self.address = self._run("start").split()[-1]
        if "KAFKA_KEYSTORE" in self.environment:
            self.secure_address = (self.folder / "secure-address").read_text().strip()

    def halt(self):
        """Ends it politely; start() goes on with the same data on the same port."""
        self._run("halt")

    def stop(self):
        if self.tool is not None:
            end_process(self.tool, signal.SIGKILL)
        if (self.folder / "server.properties").exists():
            self._run("stop")


class Registry:
    """A schema registry; one that starts again on its port has forgotten everything."""

    def __init__(self, folder, port=None):
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = start_process([DEPS / "registry", "-listen", f"127.0.0.1:{self.port}"], folder / "registry.log")
        wait_until(self._answers, START_SECONDS, "the registry listens")

    def _answers(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        if self.process.poll() is not None:
            raise AssertionError(f"the registry ended with status {self.process.returncode}")
        return False

    def stop(self):
        end_process(self.process)


class Proxy:
    """Forwards a port to another one from start() on; before, nobody listens there."""

    def __init__(self, target_port):
        self.target_port = target_port
        self.port = free_port()
        self.listener = None

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target_port))
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    @staticmethod
    def _pump(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def stop(self):
        if self.listener is not None:
            self.listener.close()


class Redis:
    """A Redis of a test's own that can go away and come back on its port: durable with its data, else without."""

    def __init__(self, folder, *arguments, durable=False):
        self.folder = folder / f"redis-{os.urandom(3).hex()}"
        self.folder.mkdir()
        self.port = free_port()
        self.arguments = ["--appendonly", "yes", "--appendfsync", "always"] if durable else []
        self.arguments += arguments
        self.process = None
        self.start()

    @property
    def address(self):
        return f"tcp://127.0.0.1:{self.port}"

    def start(self):
        self.process = start_process(
            [
                "redis-server",
                "--port",
                str(self.port),
                "--bind",
                "127.0.0.1",
                "--dir",
                self.folder,
                "--save",
                "",
                *self.arguments,
            ],
            self.folder / "redis.log",
        )
        wait_until(lambda: self.ask("PING") == "PONG", START_SECONDS, "Redis answers")

    def ask(self, *words):
        answer = subprocess.run(
            ["redis-cli", "-p", str(self.port), *words], capture_output=True, text=True, check=False
        )
        return answer.stdout.strip()

    def kill(self):
        """Ends it at once; nothing is saved on the way."""
        end_process(self.process, signal.SIGKILL)

    def stop(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class RedisPair:
    """A primary, a replica and one sentinel that watches them; its address is the sentinel's."""

    NAME = "state"

    def __init__(self, folder):
        self.folder = folder / f"sentinel-{os.urandom(3).hex()}"
        self.folder.mkdir()
        # Without the delay a replica waits five seconds before it is fit to be promoted.
        arguments = ("--repl-diskless-sync-delay", "0")
        self.servers = [Redis(self.folder, *arguments, durable=True) for _ in range(2)]
        self.servers[1].ask("REPLICAOF", "127.0.0.1", str(self.servers[0].port))
        self.port = free_port()
        self.configuration = self.folder / "sentinel.conf"
        self.configuration.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
            f"sentinel monitor {self.NAME} 127.0.0.1 {self.servers[0].port} 1\n"
            f"sentinel down-after-milliseconds {self.NAME} 1000\n"
            f"sentinel failover-timeout {self.NAME} 3000\n"
        )
        self.process = start_process(
            ["redis-server", self.configuration, "--sentinel"], self.folder / "sentinel.log"
        )
        wait_until(lambda: self.ask("PING") == "PONG", START_SECONDS, "the sentinel answers")
        # By default it looks at servers every ten seconds, and demotes a primary that was replaced after eight.
        self.ask("SENTINEL", "DEBUG", "INFO-PERIOD", "100", "PUBLISH-PERIOD", "250")
        self.wait_fit()

    @property
    def address(self):
        return f"sentinel://127.0.0.1:{self.port}/{self.NAME}"

    def ask(self, *words):
        answer = subprocess.run(
            ["redis-cli", "-p", str(self.port), *words], capture_output=True, text=True, check=False, timeout=10
        )
        return answer.stdout.strip()

    def primary(self):
        """The server that the sentinel calls the primary."""
        port = self.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.NAME).split()[-1]
        return next(server for server in self.servers if str(server.port) == port)

    def wait_fit(self, seconds=START_SECONDS):
        """Until the other server has all that the primary has, and the sentinel knows that it can be promoted."""
        up, known = "master_link_status:up", ("role-reported\nslave", "master-link-status\nok")
        wait_until(lambda: up in self.replica().ask("INFO", "replication"), seconds, "the replica follows", 0.02)
        wait_until(
            lambda: all(fact in self.ask("SENTINEL", "REPLICAS", self.NAME) for fact in known),
            seconds,
            "the sentinel sees a fit replica",
            0.02,
        )

    def replica(self):
        primary = self.primary()
        return next(server for server in self.servers if server is not primary)

    def failover(self):
        """Orders one and waits for it. The old primary answers as one until the sentinel demotes it a second later."""
        new = self.replica()
        wait_until(
            lambda: self.ask("SENTINEL", "FAILOVER", self.NAME) == "OK", START_SECONDS, "the sentinel takes it", 0.02
        )
        wait_until(lambda: self.primary() is new, START_SECONDS, "another primary", 0.02)

    def cut_off(self):
        """Promotes the replica behind the back of the old primary, which goes on answering as one."""
        old, new = self.primary(), self.replica()
        self.ask("SENTINEL", "REMOVE", self.NAME)
        new.ask("REPLICAOF", "NO", "ONE")
        self.ask("SENTINEL", "MONITOR", self.NAME, "127.0.0.1", str(new.port), "1")
        self.ask("SENTINEL", "SET", self.NAME, "down-after-milliseconds", "1000", "failover-timeout", "3000")
        return old, new

    def stop(self):
        end_process(self.process, signal.SIGKILL)
        for server in self.servers:
            server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
