"""What no schema checks of the chart: its files are those of deploy/, and its objects refer to each other.

    check-chart.py ROOT FOLDER

FOLDER holds dev.yaml, staging.yaml and prod.yaml, defaults.yaml with values of no environment, those of the options in the chart's
ci/, and the unpacked package.
"""

import json
import pathlib
import re
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
    images = yaml.safe_load(chart["annotations"]["artifacthub.io/images"])
    check([each["image"] for each in images] == [f"saga-tracker:{version}"], f"Artifact Hub is given other images than {version}")
    check(not (packaged.parent / "ci").exists(), "values of its tests are packaged")
    application = yaml.safe_load((root / "deploy/argocd/application.yaml").read_text())
    check(f"{repository}.git" in json.dumps(application), f"the Argo CD application does not come from {repository}")


def check_readme():
    keys = yaml.safe_load((root / "deploy/helm/saga-tracker/values.yaml").read_text())
    readme = (root / "deploy/helm/saga-tracker/README.md").read_text()
    missing = [key for key in keys if f"`{key}`" not in readme]
    check(not missing, f"its README does not name {missing}")


def environment_of(objects):
    (container,) = objects["Deployment", "saga-tracker"]["spec"]["template"]["spec"]["containers"]
    return container


def check_keda(objects):
    scaled = objects["ScaledObject", "saga-tracker"]["spec"]
    check("replicas" not in objects["Deployment", "saga-tracker"]["spec"], "two of them set the number of instances")
    check(scaled["scaleTargetRef"]["name"] == "saga-tracker", "KEDA scales another Deployment")
    kafka = scaled["triggers"][0]
    sign_in = objects["TriggerAuthentication", kafka["authenticationRef"]["name"]]["spec"]
    (user,) = sign_in["configMapTargetRef"]
    check(user["key"] in objects["ConfigMap", user["name"]]["data"], "KEDA finds no user")
    return kafka["metadata"], {each["parameter"]: each for each in sign_in["secretTargetRef"]}


def check_options():
    metadata, secrets = check_keda(rendered("keda"))
    password = secrets["password"]
    check((metadata["consumerGroup"], metadata["topic"]) == ("saga-tracker-service", "c4ang.saga.tracker"), "KEDA reads the lag of others")
    check((metadata["sasl"], metadata["tls"]) == ("scram_sha512", "enable"), "KEDA signs in otherwise than the collector")
    check(password["name"] == "saga-tracker" and password["key"] == "SAGA_SERVER_KAFKA_SECURITY_PASSWORD", "KEDA has another password")
    spread = rendered("keda")["Deployment", "saga-tracker"]["spec"]["template"]["spec"]["topologySpreadConstraints"]
    check("app.kubernetes.io/name" in spread[0]["labelSelector"]["matchLabels"], "a constraint does not mean the collector's pods")
    check(spread[1]["labelSelector"] == {"matchLabels": {"team": "payments"}}, "a constraint's own selector is not kept")

    outside = rendered("outside")
    job = outside["Job", "saga-tracker-migration"]["spec"]["template"]["spec"]["containers"][0]
    for container in (environment_of(outside), job):
        (source,) = container["envFrom"]
        name = source["secretRef"]["name"]
        check(outside["ExternalSecret", name]["spec"]["target"]["name"] == name, f"nothing makes the Secret {name}")
        check(("Secret", name) not in outside, f"two make the Secret {name}")

    strimzi = rendered("strimzi")
    topics = {each["spec"]["topicName"] for (kind, _), each in strimzi.items() if kind == "KafkaTopic"}
    check(topics == {"c4ang.saga.tracker", "c4ang.saga.tracker.dlt"}, "Strimzi makes other topics than are read")
    check(("Job", "saga-tracker-topics") not in strimzi, "two make the topics")
    (password,) = (each for each in environment_of(strimzi)["env"] if each["name"] == "SAGA_SERVER_KAFKA_SECURITY_PASSWORD")
    check(("KafkaUser", password["valueFrom"]["secretKeyRef"]["name"]) in strimzi, "no operator makes the password")
    _, secrets = check_keda(strimzi)
    check(secrets["password"]["name"] == password["valueFrom"]["secretKeyRef"]["name"], "KEDA has another password")
    check((secrets["ca"]["name"], secrets["ca"]["key"]) == ("events-cluster-ca-cert", "ca.crt"), "KEDA trusts another CA")


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


def check_deployments(objects):
    deployments = {name: each for (kind, name), each in objects.items() if kind == "Deployment"}
    for name, deployment in deployments.items():
        check_deployment(objects, name, deployment)
    labels_of = {name: each["spec"]["template"]["metadata"]["labels"] for name, each in deployments.items()}
    jobs = {name: each["spec"]["template"]["metadata"]["labels"] for (kind, name), each in objects.items() if kind == "Job"}
    check(len(jobs) == 2, "a job for topics and one for tables")
    for (kind, name), each in objects.items():
        if kind not in SELECTORS:
            continue
        selecting = each
        for key in SELECTORS[kind]:
            selecting = selecting[key]
        selected = {pods for pods, labels in {**labels_of, **jobs}.items() if selecting.items() <= labels.items()}
        check(selected == {name}, f"the {kind} {name} means the pods of {selected or 'nobody'}")


SELECTORS = {
    "Service": ("spec", "selector"),
    "PodDisruptionBudget": ("spec", "selector", "matchLabels"),
    "NetworkPolicy": ("spec", "podSelector", "matchLabels"),
}


def check_deployment(objects, name, deployment):
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    config = yaml.safe_load(objects["ConfigMap", name]["data"]["saga-server.yml"])
    shutdown = int(config["shutdownTimeout"].removesuffix("s"))
    stop = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    check(pod["terminationGracePeriodSeconds"] > shutdown + stop, f"a pod of {name} is killed before its shutdown may end")
    mounted = [each["configMap"]["name"] for each in pod["volumes"] if "configMap" in each]
    check(name in mounted, f"{name} does not read its configuration")
    for each in mounted:
        check(("ConfigMap", each) in objects, f"{name} mounts {each}, which is not there")
    check(("Service", name) in objects, f"no Service for {name}")
    monitors = [each for (kind, _), each in objects.items() if kind == "ServiceMonitor"]
    service = objects["Service", name]["metadata"]["labels"]
    watching = [each for each in monitors if each["spec"]["selector"]["matchLabels"].items() <= service.items()]
    check(len(watching) == bool(monitors), f"{len(watching)} ServiceMonitors scrape {name}")


def check_gateway(objects):
    secrets = {}
    for name in ("saga-tracker", "saga-tracker-gateway"):
        (container,) = objects["Deployment", name]["spec"]["template"]["spec"]["containers"]
        check(container["args"] == [{"saga-tracker": "serve"}.get(name, "gateway")], f"{name} runs {container['args']}")
        (secrets[name],) = [each["secretRef"]["name"] for each in container["envFrom"]]
    check(len(set(secrets.values())) == 2, "in production the gateway has the Secret of the collector, with the database's password")
    check("serviceAccountName" not in objects["Deployment", "saga-tracker-gateway"]["spec"]["template"]["spec"],
          "the gateway runs as the collector's account")  # fmt: skip
    for kind in ("HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor"):
        check((kind, "saga-tracker-gateway") in objects, f"no {kind} for the gateway in production")
    egress = objects["NetworkPolicy", "saga-tracker-gateway"]["spec"]["egress"]
    check(5432 not in [port["port"] for each in egress for port in each["ports"]], "the gateway may go to the database")


def check_own_files():
    """What the chart makes of values that no environment has."""
    objects = rendered("defaults")
    for name, folder in (("saga-tracker", {"definitions", "mappings"}), ("saga-tracker-gateway", {"mappings"})):
        config = yaml.safe_load(objects["ConfigMap", name]["data"]["saga-server.yml"])
        (container,) = objects["Deployment", name]["spec"]["template"]["spec"]["containers"]
        mounts = {each["mountPath"] for each in container["volumeMounts"]}
        check({f"/etc/saga-tracker/{each}" for each in folder} <= mounts, f"{name} does not mount {folder}")
        check(config["gateway"]["mappingsDir"] in mounts, f"{name} does not find its mappings")
        check(("sources" in config) == (name == "saga-tracker"), f"{name} has the sources of another one")
    check(objects["ConfigMap", "saga-tracker-mappings"]["data"] == {"orders.yml": "rules: []"}, "its mappings are other ones")
    check("stringData" in objects["Secret", "saga-tracker-gateway"], "no Secret for the gateway")


def cells(place):
    """Where a panel lies, cell by cell."""
    columns = range(place["x"], place["x"] + place["w"])
    return [(column, line) for column in columns for line in range(place["y"], place["y"] + place["h"])]


def check_dashboard():
    panels = json.loads(DASHBOARD.read_text())["panels"]
    numbers = [panel["id"] for panel in panels]
    check(len(set(numbers)) == len(numbers), "two panels of the dashboard have the same id")
    places = [(column, line) for panel in panels for column, line in cells(panel["gridPos"])]
    check(len(set(places)) == len(places), "two panels of the dashboard lie in the same place")
    asked = " ".join(target["expr"] for panel in panels for target in panel.get("targets", []))
    metric = re.compile(r"\bsaga_[a-z_]+\b")
    alerting = {name for rules in yaml.safe_load(RULES.read_text())["groups"] for rule in rules["rules"] for name in metric.findall(rule["expr"])}
    missing = alerting - set(metric.findall(asked))
    check(not missing, f"the dashboard does not show {sorted(missing)}, of which there are alerts")
    for panel in panels:
        for target in panel.get("targets", []):
            check(target["datasource"]["uid"] == "${datasource}", f"{panel['title']} asks a Prometheus of its own")


check_dashboard()
check_readme()
check_options()
check_package()
check_production(rendered("prod"))
check_gateway(rendered("prod"))
check_own_files()
for environment in ("dev", "staging", "prod", "defaults"):
    check_deployments(rendered(environment))
