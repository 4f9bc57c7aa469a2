"""Compares the Rust version that each published crate declares with those of the crates that it is built with."""

import json
import subprocess
import sys

# The features of a crate, and whose Rust version counts for them: its own, or the workspace's with an outbox (sqlx).
BUILDS = [
    ("saga-types", "codegen,openapi,resolution", "own"),
    ("saga-sdk", "kafka,mock,axum,tower,tonic,reqwest,rdkafka,ssl,schema-registry,tracing-opentelemetry", "own"),
    ("saga-sdk", "kafka,outbox", "workspace"),
    ("saga-sdk-testkit", "kafka", "own"),
    ("saga-sdk-testkit", "kafka,outbox-postgres,outbox-sqlite", "workspace"),
]


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments, "--locked"], check=True, capture_output=True, text=True).stdout


def version(text):
    return tuple(int(part) for part in text.split("."))[:2]


def built_with(crate, features):
    """Name and version of everything that is compiled for the crate, on every platform."""
    tree = cargo("tree", "--package", crate, "--no-default-features", "--features", features, "--edges", "normal,build",
                 "--target", "all", "--prefix", "none", "--format", "{p}")
    return {tuple(line.split()[:2]) for line in tree.splitlines() if line}


def main():
    packages = json.loads(cargo("metadata", "--format-version", "1"))["packages"]
    declared = {(package["name"], "v" + package["version"]): package["rust_version"] for package in packages}
    workspace = declared[next(key for key in declared if key[0] == "saga-server")]
    too_low = []
    for crate, features, whose in BUILDS:
        own = declared[next(key for key in declared if key[0] == crate)] if whose == "own" else workspace
        needed = {key: declared[key] for key in built_with(crate, features) if declared.get(key)}
        newest = ".".join(map(str, max(map(version, needed.values()))))
        by = ", ".join(sorted(name for (name, _), rust in needed.items() if version(rust) == version(newest) and not name.startswith("saga-")))
        print(f"{crate} with {features}: Rust {own}; the highest of its dependencies is {newest}" + (f" ({by})" if by else ""))
        if version(newest) > version(own):
            too_low.append(f"{crate} declares Rust {own}, while {newest} is needed for {by}: raise rust-version, and docs/versioning.md")
    for line in too_low:
        print(line, file=sys.stderr)
    return 1 if too_low else 0


sys.exit(main())
