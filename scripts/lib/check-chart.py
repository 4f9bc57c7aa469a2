"""What no schema checks of the chart: its files are those of deploy/, and its objects refer to each other.

    check-chart.py ROOT FOLDER

FOLDER holds dev.yaml, staging.yaml and prod.yaml, those of the options in the chart's ci/, and the unpacked package.
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
check_readme()
check_options()
check_package()
check_production(rendered("prod"))
for environment in ("dev", "staging", "prod"):
    check_deployment(rendered(environment))
