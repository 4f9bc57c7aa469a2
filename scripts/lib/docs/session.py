"""A reader at a terminal: one shell and one folder for a document, or for several that belong together."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import shape

# The first "scripts/parts up" of a machine downloads the parts.
TIMEOUT_S = 400
ASK_AGAIN_S = 60
# The addresses that the documents name, and which of them a program listens on.
ADDRESSES = ["127.0.0.1:8086", "127.0.0.1:8081", "127.0.0.1:8082", "127.0.0.1:8083", "127.0.0.1:8087"]


# Set when everything is to end.
STOP = threading.Event()


class Problem(Exception):
    pass


class Session:
    def __init__(self, root):
        self.root = root
        self.folder = Path(tempfile.mkdtemp(prefix="saga-docs-"))
        self.state = self.folder / ".session"
        (self.state / "pids").mkdir(parents=True)
        self.state.chmod(0o755)
        self.folder.chmod(0o755)
        for entry in os.listdir(root):
            if not entry.startswith(".") and not entry.endswith(".md"):
                (self.folder / entry).symlink_to(root / entry)
        self.stands_for = {address: f"127.0.0.1:{free_port()}" for address in ADDRESSES}
        self.shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, cwd=self.folder, env=self.environment(), start_new_session=True, text=True,
        )
        self.answers = []

    def environment(self):
        given = ("DATABASE_URL", "KAFKA_", "SCHEMA_REGISTRY_URL", "PLATFORM_", "SAGA_SERVER_", "SAGA_TEST_", "OTEL_", "SERVICE_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(given)}
        programs = self.root / "scripts/lib/docs/programs"
        built = Path(os.environ.get("CARGO_TARGET_DIR", self.root / "target")) / "debug"
        return kept | {
            "PATH": f"{programs}:{kept['PATH']}",
            "SAGA_PARTS_STATE": str(self.state / "parts"),
            "DOCS_ROOT": str(self.root),
            "DOCS_BUILT": str(built),
            "DOCS_PYTHON": sys.executable,
            "DOCS_STATE": str(self.state),
            "DOCS_ADDRESSES": " ".join(self.stands_for[address] for address in ADDRESSES),
            # The documents' addresses, as this session has them.
            "SAGA_SERVER_LISTEN": self.stands_for[ADDRESSES[0]],
        }

    def here(self, text):
        """The text as this reader would type it."""
        if (self.state / "bootstrap").exists():
            self.stands_for["127.0.0.1:PORT"] = (self.state / "bootstrap").read_text().strip()
        for shown, real in sorted(self.stands_for.items(), key=lambda pair: -len(pair[0])):
            text = text.replace(shown, real)
        return text

    def there(self, text):
        """What was printed, as the document would have it."""
        for shown, real in self.stands_for.items():
            text = text.replace(real, shown) if real else text
        return text

    def run(self, command):
        """Runs one command; gives what it printed."""
        script, out, err, status = (self.state / name for name in ("command", "out", "err", "status"))
        status.unlink(missing_ok=True)
        script.write_text(self.here(command) + "\n")
        self.shell.stdin.write(f"source {script} </dev/null >{out} 2>{err}; echo $? >{status}.new; mv {status}.new {status}\n")
        self.shell.stdin.flush()
        deadline = time.monotonic() + TIMEOUT_S
        while not status.exists():
            if time.monotonic() > deadline:
                self.shell.kill()
                raise Problem(f"no end after {TIMEOUT_S} s: {command}")
            if self.shell.poll() is not None or STOP.is_set():
                raise Problem(f"the shell has ended: {command}")
            time.sleep(0.02)
        printed, complained = out.read_text(errors="replace"), err.read_text(errors="replace")
        return int(status.read_text()), printed, complained

    def must_run(self, command, codes=(0,)):
        """Asks again for a while when a call found nothing yet: what was recorded takes a moment to be there."""
        deadline = time.monotonic() + ASK_AGAIN_S
        if command.lstrip().startswith("curl -N"):
            # A stream has no end.
            command, codes = "timeout 3 " + command, (124,)
        while True:
            code, printed, complained = self.run(command)
            answers = shape.values(printed)
            waits = command.lstrip().startswith("curl") and any(map(shape.is_error, answers))
            if code in codes and not waits:
                break
            if not waits or time.monotonic() > deadline:
                raise Problem(f"ended with {code}: {self.here(command)}\n{printed[-2000:]}{complained[-2000:]}")
            time.sleep(0.3)
        self.learn(printed, answers)
        return printed, answers

    def learn(self, printed, answers):
        """What the reader would copy into later commands."""
        for answer in answers:
            if isinstance(answer, dict):
                for key, word in (("sagaId", "SAGA_ID"), ("orderId", "ORDER_ID")):
                    if isinstance(answer.get(key), str):
                        self.stands_for[word] = answer[key]
        lines = printed.strip().splitlines()
        if lines and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", lines[-1]):
            self.stands_for["SAGA_ID"] = lines[-1]

    def play(self, block):
        """Does what the document says at this block."""
        for kind, value in block.marks:
            if kind == "before":
                self.must_run(value)
            elif kind == "let":
                text, command = value
                self.stands_for[text] = self.must_run(command)[0].strip()
        if block.mark("not run") is not None:
            return
        if (name := block.mark("file")) is not None:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.here(block.text))
        elif (kind := block.mark("is")) is not None:
            self.take_in(block, kind)
        elif block.language == "sh":
            self.answers = []
            for command in commands(block.text):
                self.answers += self.must_run(command)[1]
        elif block.language == "console":
            self.play_console(block)
        elif block.language == "json":
            self.compare(block)

    def take_in(self, block, kind):
        """Hands YAML to the program that would read it."""
        place = Path(tempfile.mkdtemp(dir=self.state))
        (place / "it.yml").write_text(self.here(block.text))
        commands = {
            "saga-server.yml": "env DATABASE_URL=sqlite:it.db KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:9092 "
            f"saga-server config check --config {place}/it.yml",
            "a definition": f"saga-server fold --definitions {place} --events - <<<'[]'",
        }
        self.must_run(commands[kind])

    def play_console(self, block):
        for exchange in re.split(r"^(?=\$ )", block.text, flags=re.MULTILINE):
            if not exchange.strip():
                continue
            typed, shown = [], exchange[2:].splitlines()
            while shown and (not typed or typed[-1].endswith("\\")):
                typed.append(shown.pop(0))
            code, printed, complained = self.run("\n".join(typed))
            self.learn(printed, shape.values(printed))
            if not shape.matches("\n".join(shown), self.there(printed + complained)):
                raise Problem(f"printed, with status {code}:\n{self.there(printed + complained)}")

    def compare(self, block):
        text = block.text if block.text.lstrip()[0] in "[{" else "{" + block.text + "}"
        shown = json.loads(text)
        command = block.mark("from")
        if command is None and not self.answers:
            raise Problem("nothing was answered before it; say where it comes from: <!-- from: COMMAND -->")
        deadline = time.monotonic() + ASK_AGAIN_S
        while True:
            answers = self.answers
            if command is not None:
                answers = shape.values(self.run(command)[1])
            if block.text.lstrip()[0] not in "[{":
                # A part of an answer: the keys that are shown.
                answers = [{key: one[key] for key in shown if key in one} for one in answers if isinstance(one, dict)]
            problems = [shape.difference(shown, answer) for answer in answers]
            if None in problems:
                return
            if command is None or time.monotonic() > deadline:
                raise Problem(f"is not what is answered: {'; '.join(map(str, problems)) or 'no JSON'}")
            time.sleep(0.3)

    def end(self):
        for pid in sorted((self.state / "pids").iterdir()):
            stop(int(pid.name))
        if (self.state / "parts").exists():
            subprocess.run(
                [self.root / "scripts/parts", "down"], env=self.environment(), stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, check=False,
            )
        os.killpg(self.shell.pid, signal.SIGKILL)
        self.shell.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def commands(text):
    """The commands of a block, one by one: a line, or as many as bash needs to make sense of them."""
    gathered = []
    for line in text.splitlines():
        gathered.append(line)
        command = "\n".join(gathered)
        is_whole = not line.endswith("\\") and subprocess.run(
            ["bash", "-n"], input=command, text=True, capture_output=True, check=False
        ).stderr == ""
        if is_whole:
            gathered = []
            if command.strip() and not command.lstrip().startswith("#"):
                yield command
    if gathered:
        raise Problem("is no whole command: " + "\n".join(gathered))


def free_port():
    """Below the ephemeral range, where a client could be given it as its own."""
    import random

    for _ in range(100):
        port = random.randrange(20000, 32000)
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Problem("no free port")


def stop(pid):
    for number, wait_s in ((signal.SIGTERM, 15), (signal.SIGKILL, 5)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + wait_s
        while time.monotonic() < deadline:
            if not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes():
                return
            time.sleep(0.05)
