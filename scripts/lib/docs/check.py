"""Holds the documents true; scripts/check-docs --help says what that means."""

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import document
import text
from session import STOP, Problem, Session

ROOT = Path(__file__).resolve().parents[3]

# Documents whose blocks are run, those of a line in one session; what need real parts share one.
SESSIONS = [
    ["README.md", "docs/migration-from-kotlin.md", "CONTRIBUTING.md"],
    ["saga-server/README.md", "examples/README.md"],
    ["examples/order-service/README.md", "examples/product-service/README.md", "examples/payment-service/README.md"],
    ["examples/without-sdk/README.md"],
    ["docs/api.md"],
    ["docs/command-line.md"],
    ["docs/configuration.md"],
    ["docs/definitions.md", "docs/metadata.md"],
    ["docs/sdk-guide.md"],
    ["docs/ways-in.md"],
    ["docs/mcp.md"],
]

# What these show takes hours, a cluster, an outage, or tools of their own; other stages of scripts/test check what they can.
SHOWN_ONLY = ("deploy/", "proof/", "docs/decisions/", "docs/operations", "docs/performance", "docs/reliability", "docs/runbooks")

TRANSLATIONS = [("README.md", "README.ko.md"), ("docs/sdk-guide.md", "docs/sdk-guide.ko.md")]


def tracked():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


def read(documents, files):
    typed = {name for names in SESSIONS for name in names}
    problems = list(text.problems(ROOT, documents, files, TRANSLATIONS, typed))
    translated = {name for _, name in TRANSLATIONS}
    for name, one in documents.items():
        runs = any(block.language in ("sh", "console", "json", "yaml") for block in one.blocks)
        if runs and name not in typed | translated and not name.startswith(SHOWN_ONLY):
            problems.append(f"{name}: shows commands that are not run: name it in scripts/lib/docs/check.py")
    links = sum(len(one.links) for one in documents.values())
    say(f"{len(documents)} documents, {links} links: {len(problems)} problems")
    return problems


def play(documents, groups):
    """Several at once, for they mostly wait."""
    with ThreadPoolExecutor(max_workers=3) as workers:
        try:
            return [problem for problems in workers.map(lambda names: run_blocks(documents, names), groups) for problem in problems]
        except BaseException:
            STOP.set()
            workers.shutdown(cancel_futures=True)
            raise


def run_blocks(documents, names):
    began, session, counted, problems = time.monotonic(), Session(ROOT), 0, []
    try:
        for name in names:
            for block in documents[name].blocks:
                counted += block.mark("not run") is None and (
                    block.language in ("sh", "console", "json") or block.mark("is") is not None
                )
                try:
                    session.play(block)
                except Problem as problem:
                    problems.append(f"{name}:{block.line}: {problem}")
    finally:
        session.end()
    say(f"{', '.join(names)}: {counted} blocks in {time.monotonic() - began:.0f} s")
    return problems


def commands(documents):
    """saga-server has each command that a sentence or a block names, with its flags; also where none of it is run."""
    helps = {}
    for one in documents.values():
        lines = one.words + [(block.line, line) for block in one.blocks for line in block.text.splitlines()]
        for line, words in lines:
            found = re.search(r"(?:^|\s)saga-server(?: --)? ([a-z].*)", words.replace("`", " "))
            if not found:
                continue
            names = re.match(r"(?:[a-z]+(?= |$) ?){0,2}", found[1])[0].split()
            help_text = helps.setdefault(tuple(names), help_of(names))
            if help_text is None:
                yield f"{one.name}:{line}: saga-server has no command {' '.join(names)}"
                continue
            for flag in re.findall(r"(?<=\s)--[a-z][a-z-]*", found[1]):
                if f"{flag} " not in help_text and f"{flag}\n" not in help_text and f"{flag}[" not in help_text:
                    yield f"{one.name}:{line}: saga-server {' '.join(names)} has no flag {flag}"


def help_of(names):
    program = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug/saga-server"
    asked = subprocess.run([program, *names, "--help"], capture_output=True, text=True, check=False)
    return asked.stdout if names and asked.returncode == 0 else None


def say(line):
    print(line, file=sys.stderr, flush=True)


def main(words):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    files = tracked()
    documents = document.every(ROOT, [name for name in files if name.endswith(".md")])
    problems = []
    if words[:1] != ["run"]:
        problems += read(documents, files)
    if words[:1] != ["read"]:
        wanted = words[1:]
        groups = [names for names in SESSIONS if not wanted or any(name in wanted for name in names)]
        problems += commands(documents)
        problems += play(documents, groups)
    for problem in problems:
        say(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
