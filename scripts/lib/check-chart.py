"""What no schema checks of the chart: its files are those of deploy/, and its objects refer to each other.

    check-chart.py ROOT FOLDER

FOLDER holds dev.yaml, staging.yaml and prod.yaml, and the unpacked package.
"""

import json
import pathlib
import sys
import tomllib

import yaml

root, folder = map(pathlib.Path, sys.argv[1:])
RULES = root / "deploy/prometheus/saga-tracker.rules.yml"
DASHBOARD = root / "deploy/grafana/saga-tracker.json"


def check(holds, what):
    if not holds:
        sys.exit(f"error: the chart: {what}")


def rendered(environment):
    objects = yaml.safe_load_all((folder / f"{environment}.yaml").read_text())
    return {(each["kind"], each["metadata"]["name"]): each for each in objects if each}


def check_package():
    packaged = folder / "saga-tracker/files"
    for original in (RULES, DASHBOARD):
        check((packaged / original.name).read_bytes() == original.read_bytes(), f"{original.name} is another one when packaged")
    crates = tomllib.loads((root / "Cargo.toml").read_text())["workspace"]["package"]
    version, repository = crates["version"], crates["repository"]
    chart = yaml.safe_load((folder / "saga-tracker/Chart.yaml").read_text())
    check((chart["version"], chart["appVersion"]) == (version, version), f"its versions are not {version}, that of the crates")
    check((chart["home"], chart["sources"]) == (crates["homepage"], [repository]), f"its addresses are not those of the crates: {repository}")
    application = yaml.safe_load((root / "deploy/argocd/application.yaml").read_text())
    check(f"{repository}.git" in json.dumps(application), f"the Argo CD application does not come from {repository}")


def check_production(objects):
    rule = objects["PrometheusRule", "saga-tracker"]["spec"]
    check(rule == yaml.safe_load(RULES.read_text()), "its alerts are not those of deploy/prometheus")
    dashboard = objects["ConfigMap", "saga-tracker-dashboard"]["data"]["saga-tracker.json"]
    check(dashboard.strip() == DASHBOARD.read_text().strip(), "its dashboard is not that of deploy/grafana")
    missing = {
        "Deployment", "Service", "ConfigMap", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy",
        "ServiceMonitor", "PrometheusRule", "Job", "ServiceAccount",
    } - {kind for kind, _ in objects}  # fmt: skip
    check(not missing, f"no {missing} in production")


def check_deployment(objects):
    deployment = objects["Deployment", "saga-tracker"]
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    config = yaml.safe_load(objects["ConfigMap", "saga-tracker"]["data"]["saga-server.yml"])
    shutdown = int(config["shutdownTimeout"].removesuffix("s"))
    stop = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    check(pod["terminationGracePeriodSeconds"] > shutdown + stop, "a pod is killed before its shutdown may end")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    for kind, where in (("Service", ("spec", "selector")), ("PodDisruptionBudget", ("spec", "selector", "matchLabels")),
                        ("NetworkPolicy", ("spec", "podSelector", "matchLabels"))):  # fmt: skip
        selecting = objects.get((kind, "saga-tracker"))
        for key in where:
            selecting = selecting and selecting[key]
        check(selecting is None or selecting.items() <= labels.items(), f"its {kind} does not mean its pods")
    hooks = [each for (kind, _), each in objects.items() if kind == "Job"]
    for job in hooks:
        pod = job["spec"]["template"]
        check(not objects["Service", "saga-tracker"]["spec"]["selector"].items() <= pod["metadata"]["labels"].items(),
              "its Service sends requests to a job")  # fmt: skip
    check(len(hooks) == 2, "a job for topics and one for tables")


def check_dashboard():
    panels = json.loads(DASHBOARD.read_text())["panels"]
    numbers = [panel["id"] for panel in panels]
    check(len(set(numbers)) == len(numbers), "two panels of the dashboard have the same id")
    places = [tuple(panel["gridPos"][key] for key in "xy") for panel in panels]
    check(len(set(places)) == len(places), "two panels of the dashboard lie in the same place")
    for panel in panels:
        for target in panel.get("targets", []):
            check(target["datasource"]["uid"] == "${datasource}", f"{panel['title']} asks a Prometheus of its own")


check_dashboard()
check_package()
check_production(rendered("prod"))
for environment in ("dev", "staging", "prod"):
    check_deployment(rendered(environment))
