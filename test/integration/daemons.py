"""outlierd as a process: the daemon with its log, its metrics and its notification socket, and the commands."""

import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

from servers import end_process, start_process, wait_until

COMMAND_SECONDS = 120
READY_SECONDS = 40
STOP_SECONDS = 10  # promised: SIGTERM ends the daemon within these
LOG_TAIL = 40


class Outlierd:
    """The program to be tested."""

    def __init__(self, binary):
        self.binary = binary

    def run(self, *arguments, status=0, **options):
        """A command to its end; fails unless it exits with the wanted status. Returns the finished process."""
        done = subprocess.run(
            [self.binary, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
            **options,
        )
        command = f"outlierd {' '.join(map(str, arguments))}"
        said = done.stdout[-2000:] + done.stderr[-4000:]
        assert done.returncode == status, f"{command}: status {done.returncode}, not {status}\n{said}"
        return done


class Daemon:
    """One `outlierd run`, or another command that runs for as long as it is let."""

    COMMAND = "run"

    def __init__(self, binary, config, log, *arguments, environment=None):
        self.log_path = log
        self.log_path.touch()
        self.log_from = self.log_path.stat().st_size
        self.process = start_process([binary, self.COMMAND, "--config", config, *arguments], log, env=environment)

    def log(self):
        with open(self.log_path, "rb") as log:
            log.seek(self.log_from)
            return log.read().decode(errors="replace")

    def wait_log(self, pattern, seconds=READY_SECONDS):
        """Waits for a line of the log; the match."""

        def found():
            match = re.search(pattern, self.log())
            assert (
                match or self.process.poll() is None
            ), f"the daemon ended with {self.process.returncode} before /{pattern}/"
            return match

        return wait_until(found, seconds, f"log line /{pattern}/")

    def port(self):
        return self.wait_log(r"http port=(\d+)").group(1)

    def get(self, path):
        """Status and text of an HTTP request to the daemon."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port()}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def wait_ready(self, seconds=READY_SECONDS):
        wait_until(lambda: self.get("/readyz")[0] == 200, seconds, "the daemon is ready")

    def metrics(self):
        """All samples: name with labels to value."""
        text = self.get("/metrics")[1]
        return {name: float(value) for name, value in re.findall(r"^(outlierd_\S+) (\S+)$", text, re.MULTILINE)}

    def wait_exit(self, status, seconds=60):
        self.process.wait(seconds)
        assert self.process.returncode == status, f"exit status {self.process.returncode}, not {status}"

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        """The orderly end, as systemd asks for it."""
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        self.process.wait(4 * STOP_SECONDS)
        took = time.monotonic() - began
        assert self.process.returncode == 0, f"SIGTERM: exit status {self.process.returncode}, not 0"
        assert took < STOP_SECONDS, f"SIGTERM: the end took {took:.1f} s"

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        end_process(self.process, signal.SIGKILL)


class Notifications:
    """The socket that systemd would read: every message with its time."""

    def __init__(self, folder):
        self.path = str(folder / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        self.messages = []

    def read(self):
        while True:
            try:
                self.messages.append(self.socket.recv(65536).decode())
            except BlockingIOError:
                return self.messages

    def seen(self, word):
        return any(word in message.split("\n") for message in self.read())

    def stop(self):
        self.socket.close()
