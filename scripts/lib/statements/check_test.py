"""Each rule finds its form, as it stood in the code before, and lets pass what works instead; the check fails when one comes back."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

from check import LEAST, logged, of_distributed
from rules import RULES, Statement
from schema import Schema

HERE = pathlib.Path(__file__).parent
STORE = HERE.parents[2] / "saga-server/store"

REFUSED = {
    "generic plan": ["INSERT INTO saga_steps (saga_id) SELECT new.saga_id FROM UNNEST($1::text[]) AS new (saga_id)"],
    "uncounted": [
        "INSERT INTO saga_steps (saga_id) SELECT new.saga_id FROM UNNEST($1::text[]) AS new (saga_id) ON CONFLICT DO NOTHING",
    ],
    "lock of many": [
        "SELECT fold FROM saga_instance WHERE saga_id = ANY($1) ORDER BY saga_id FOR UPDATE",
        "SELECT saga_id FROM saga_removed FOR SHARE",
    ],
    "lateral": [
        "SELECT saga.saga_id FROM UNNEST($1::text[]) AS candidate (id) CROSS JOIN LATERAL "
        "(SELECT * FROM saga_instance WHERE saga_id = candidate.id OFFSET 0) AS saga",
        "SELECT step.step FROM unnest($1::text[]) WITH ORDINALITY AS saga (saga_id, place) CROSS JOIN LATERAL ("
        "SELECT step FROM saga_steps WHERE saga_steps.saga_id = saga.saga_id ORDER BY recorded_at LIMIT $2) AS step",
    ],
    "no columns": ["SELECT count(*) FROM (SELECT FROM saga_instance AS saga WHERE saga_type = $1 LIMIT 10001) AS found"],
    "recursive": [
        "WITH RECURSIVE stepped (saga_id) AS (SELECT min(saga_id) FROM saga_steps WHERE saga_id > $1 UNION ALL "
        "SELECT (SELECT min(saga_id) FROM saga_steps WHERE saga_id > stepped.saga_id) FROM stepped "
        "WHERE stepped.saga_id IS NOT NULL) SELECT saga_id FROM stepped LIMIT $2"
    ],
    "correlated": [
        "SELECT id FROM dead_letter WHERE NOT EXISTS (SELECT 1 FROM saga_instance AS saga WHERE saga.saga_id = dead_letter.saga_id)",
        "SELECT letter.*, EXISTS (SELECT 1 FROM saga_steps AS step WHERE step.saga_id = letter.saga_id) FROM dead_letter AS letter",
        "SELECT name, (SELECT started_at FROM saga_instance WHERE failure_group = name ORDER BY started_at LIMIT 1) "
        "FROM (SELECT name FROM unnest($1::text[]) AS texts (name)) AS wanted",
        "SELECT saga.saga_id FROM unnest($1::text[]) AS saga (saga_id) WHERE EXISTS (SELECT 1 FROM saga_steps "
        "WHERE saga_steps.saga_id = saga.saga_id AND metadata @> $2)",
        "SELECT (SELECT min(step) FROM saga_steps AS step WHERE step.saga_id = saga.saga_id) "
        "FROM (SELECT saga_id FROM saga_instance ORDER BY started_at LIMIT 10) AS saga",
        "WITH entry AS MATERIALIZED (SELECT saga_id FROM saga_steps) SELECT 1 FROM entry "
        "WHERE EXISTS (SELECT 1 FROM saga_instance AS saga WHERE saga.saga_id = entry.saga_id)",
    ],
    "not co-located": [
        "SELECT 1 FROM saga_instance AS saga JOIN saga_instance AS parent ON parent.saga_id = saga.parent_saga_id",
        "SELECT 1 FROM saga_instance AS saga WHERE EXISTS (SELECT 1 FROM saga_steps AS step WHERE step.order_id = saga.order_id)",
    ],
    "outer join": [
        "SELECT ack.id FROM acknowledgement AS ack LEFT JOIN saga_instance AS saga ON saga.saga_id = ack.saga_id",
        "WITH found AS MATERIALIZED (SELECT saga_id FROM saga_steps) SELECT found.saga_id FROM "
        "(SELECT DISTINCT saga_id FROM found) AS found LEFT JOIN saga_instance USING (saga_id)",
    ],
    "limit by query": ["SELECT saga_id FROM saga_instance LIMIT (SELECT count(*) FROM lease)"],
    "ctid": ["DELETE FROM saga_removed WHERE ctid = ANY(ARRAY(SELECT ctid FROM saga_removed LIMIT 10))"],
    "moved row": ["UPDATE saga_removed SET saga_id = $1 WHERE saga_id = $2"],
    "change by other tables": [
        "DELETE FROM saga_removed USING dead_letter WHERE dead_letter.saga_id = saga_removed.saga_id",
    ],
}

TAKEN = [
    "INSERT INTO saga_other_order (order_id, saga_id) VALUES ($1, $2), ($3, $4) ON CONFLICT DO NOTHING",
    "SELECT fold FROM saga_instance WHERE saga_id = $1 FOR UPDATE",
    "SELECT id FROM dead_letter ORDER BY id LIMIT 3 FOR UPDATE",
    "WITH locked AS (UPDATE saga_instance SET version = version WHERE saga_id = ANY($1) RETURNING saga_id) SELECT saga_id FROM locked",
    "SELECT saga_id FROM saga_instance AS saga WHERE EXISTS (SELECT 1 FROM saga_steps AS step WHERE step.saga_id = saga.saga_id)",
    "SELECT saga_id FROM saga_instance WHERE saga_id = ANY(ARRAY(SELECT saga_id FROM acknowledgement WHERE ends_at > $1))",
    "SELECT 1 FROM saga_instance JOIN saga_steps USING (saga_id)",
    "DELETE FROM producer_change WHERE ctid = ANY(ARRAY(SELECT ctid FROM producer_change LIMIT $1)) RETURNING change",
    "WITH RECURSIVE class (from_ms) AS (VALUES (0) UNION ALL SELECT from_ms + 1 FROM class) SELECT from_ms FROM class",
    "DELETE FROM reported_late AS reported WHERE NOT EXISTS "
    "(SELECT 1 FROM saga_instance AS saga WHERE saga.saga_id = reported.saga_id AND saga.owed_since = reported.due)",
]

PREFIX = "2026-11-30 02:00:00.000 UTC [{}] test_1 LOG:  {}"


class Rules(unittest.TestCase):
    def setUp(self):
        self.schema = Schema(STORE)

    def broken(self, text):
        return Statement(self.schema, text, is_generic=True).broken

    def test_each_rule_finds_its_form(self):
        self.assertEqual(set(REFUSED), set(RULES))
        for rule, statements in REFUSED.items():
            for text in statements:
                self.assertIn(rule, self.broken(text), text)

    def test_what_works_passes(self):
        for text in TAKEN:
            self.assertEqual(set(), self.broken(text), text)

    def test_a_view_is_where_its_tables_are(self):
        text = "SELECT name, (SELECT count(*) FROM saga_counted WHERE failure_group = name) FROM unnest($1) AS texts (name)"
        self.assertIn("correlated", self.broken(text))


class Log(unittest.TestCase):
    def test_only_sessions_with_distributed_tables_count_and_until_they_end(self):
        lines = [
            PREFIX.format(7, "statement: SET statement_timeout = '20s'; SET plan_cache_mode = force_generic_plan"),
            PREFIX.format(7, "statement: SET plan_cache_mode = force_custom_plan; SET citus.x = off"),
            PREFIX.format(8, "execute sqlx_s_1: SELECT 8"),
            PREFIX.format(7, "execute sqlx_s_1: SELECT 7"),
            "\t, 7",
            PREFIX.format(7, "duration: 1 ms"),
            PREFIX.format(7, "statement: SET statement_timeout = '20s'; SET plan_cache_mode = force_generic_plan"),
            PREFIX.format(7, "statement: SELECT 9"),
        ]
        found = of_distributed(logged(lines))
        self.assertEqual([("SELECT 7\n, 7", False)], found[1:])

    def run_check(self, *statements):
        tables = Schema(STORE).distributed()
        texts = ["SET citus.x = off", *(f"SELECT {number}" for number in range(LEAST))]
        texts += [f"SELECT 1 FROM {table}" for table in tables] + list(statements)
        with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
            log.write("\n".join(PREFIX.format(7, f"statement: {text}") for text in texts))
            log.flush()
            command = [sys.executable, HERE / "check.py", STORE, log.name]
            return subprocess.run(command, capture_output=True, text=True, check=False)

    def test_one_form_of_before_fails_the_check(self):
        passed = self.run_check()
        self.assertEqual(0, passed.returncode, passed.stderr)
        for rule, statements in REFUSED.items():
            if rule != "generic plan":
                failed = self.run_check(statements[0])
                self.assertEqual(1, failed.returncode)
                self.assertIn(f"{rule}: ", failed.stderr)
        mode = "SET plan_cache_mode = force_generic_plan"
        failed = self.run_check(mode, REFUSED["generic plan"][0])
        self.assertIn("generic plan: ", failed.stderr)

    def test_a_log_without_statements_fails(self):
        with tempfile.NamedTemporaryFile("w") as log:
            command = [sys.executable, HERE / "check.py", STORE, log.name]
            self.assertEqual(1, subprocess.run(command, capture_output=True, check=False).returncode)


if __name__ == "__main__":
    unittest.main()
