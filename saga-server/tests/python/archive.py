"""Two engines that share no code with Saga Tracker read an archive: DuckDB and Polars.

Prints a line of JSON for each, with the same questions answered: how many sagas and steps each day has, the steps of one saga in
order, and failures by step. The layout is documented in docs/operations-archive.md, whose queries these are.
"""

import json
import sys

import duckdb
import polars


def main():
    archive, saga_id = sys.argv[1:]
    print(json.dumps(by_duckdb(archive, saga_id)))
    print(json.dumps(by_polars(archive, saga_id)))


def by_duckdb(archive, saga_id):
    connection = duckdb.connect()
    for table in ["sagas", "steps"]:
        connection.execute(
            f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{archive}/day=*/**/{table}.parquet', hive_partitioning = true)"
        )

    def rows(query, *values):
        return [list(row) for row in connection.execute(query, values).fetchall()]

    count = "SELECT CAST(day AS VARCHAR), count(*) FROM {} GROUP BY day ORDER BY day"
    return {
        "engine": "duckdb",
        "sagas": rows(count.format("sagas")),
        "steps": rows(count.format("steps")),
        "ofSaga": rows(
            "SELECT step, status, epoch_ms(recorded_at), metadata FROM steps WHERE saga_id = ? ORDER BY recorded_at, event_id",
            saga_id,
        ),
        "failures": rows(
            "SELECT step, count(*) FROM steps WHERE status = 'FAILED' AND day >= DATE '2000-01-01' GROUP BY step ORDER BY step"
        ),
        "states": rows("SELECT state ->> 'currentStatus', count(*) FROM sagas GROUP BY ALL ORDER BY ALL"),
    }


def by_polars(archive, saga_id):
    def table(name):
        return polars.scan_parquet(f"{archive}/day=*/**/{name}.parquet", hive_partitioning=True)

    def rows(frame):
        return [list(row) for row in frame.collect().rows()]

    def by_day(name):
        counted = table(name).group_by(polars.col("day").cast(polars.String)).agg(polars.len())
        return rows(counted.sort("day"))

    step = polars.col("step")
    metadata = polars.col("metadata").cast(polars.String)
    of_saga = table("steps").filter(polars.col("saga_id") == saga_id).sort("recorded_at", "event_id")
    failures = table("steps").filter(polars.col("status") == "FAILED").group_by("step").agg(polars.len())
    # Polars reads JSON as bytes.
    status = polars.col("state").cast(polars.String).str.json_path_match("$.currentStatus").alias("status")
    return {
        "engine": "polars",
        "sagas": by_day("sagas"),
        "steps": by_day("steps"),
        "ofSaga": rows(of_saga.select(step, "status", polars.col("recorded_at").dt.epoch("ms"), metadata)),
        "failures": rows(failures.sort("step")),
        "states": rows(table("sagas").select(status).group_by("status").agg(polars.len()).sort("status")),
    }


main()
