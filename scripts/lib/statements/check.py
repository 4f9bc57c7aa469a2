"""Reads PostgreSQL's log of a run of the contract tests, and fails when a session with distributed tables sent a refused form.

  check.py STORE LOG [FROM_BYTE]

Sessions are those that set what only a distributed database is set to. The log needs log_statement = all."""

import re
import sys

from rules import RULES, Statement
from schema import Schema

# As log_line_prefix of scripts/lib/postgres.sh writes a line.
LINE = re.compile(r"^\S+ \S+ \S+ \[(\d+)\] .*? LOG:  (?:statement|execute [^:]*): (.*)$")
BEGIN = re.compile(r"^\S+ \S+ \S+ \[\d+\] ")
PLAN_MODE = re.compile(r"plan_cache_mode = (\w+)")

# Fewer are not the whole suite.
LEAST = 150


def logged(lines):
    """The statements of a log: the process that ran each, and its text."""
    session, text = None, []
    for line in lines:
        if BEGIN.match(line):
            if session:
                yield session, "\n".join(text)
            found = LINE.match(line)
            session, text = (found[1], [found[2]]) if found else (None, [])
        elif session:
            text.append(line.removeprefix("\t"))
    if session:
        yield session, "\n".join(text)


def of_distributed(statements):
    """The different statements of sessions with distributed tables, each with whether it is planned without its values."""
    seen = {}
    distributed, generic = set(), set()
    for session, text in statements:
        mode = PLAN_MODE.search(text)
        if "SET statement_timeout" in text and "SET LOCAL" not in text:
            # A new session, perhaps with the number of an old one.
            distributed.discard(session)
        if mode:
            (generic.add if mode[1] == "force_generic_plan" else generic.discard)(session)
        if "SET citus." in text:
            distributed.add(session)
        if session in distributed:
            seen.setdefault((text, session in generic))
    return list(seen)


def main():
    store, log, start = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0
    schema = Schema(store)
    with open(log, encoding="utf-8", errors="replace") as file:
        file.seek(start)
        statements = of_distributed(logged(file.read().split("\n")))
    failed, tables = 0, set()
    for text, is_generic in statements:
        statement = Statement(schema, text, is_generic)
        tables |= statement.tables
        for rule in sorted(statement.broken):
            failed += 1
            print(f"{rule}: {RULES[rule]}\n  {' '.join(text.split())}\n", file=sys.stderr)
    missing = [name for name in schema.distributed() if name not in tables]
    if missing or len(statements) < LEAST:
        sys.exit(f"only {len(statements)} statements were seen, and none of {', '.join(missing) or 'none'}: is the log whole?")
    if failed:
        sys.exit(f"{failed} statements are refused where tables are distributed")
    print(f"{len(statements)} statements on distributed tables, none of a refused form")


if __name__ == "__main__":
    main()
