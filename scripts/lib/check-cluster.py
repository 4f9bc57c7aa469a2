"""Installs the chart in a Kubernetes API server, and prints its answers.

    check-cluster.py ROOT FOLDER HELM CRD.yaml...

FOLDER holds `kubeconfig`. Ends with 1 when something is refused, warned of, or not as it should be afterwards.
"""

import http.client
import json
import os
import pathlib
import ssl
import subprocess
import sys
import threading
import time

import yaml

root, folder, helm_command, *definitions = map(pathlib.Path, sys.argv[1:])
chart = root / "deploy/helm/saga-tracker"
kubeconfig = yaml.safe_load((folder / "kubeconfig").read_text())
address = kubeconfig["clusters"][0]["cluster"]["server"].removeprefix("https://")
token = kubeconfig["users"][0]["user"]["token"]
findings = []
# No node runs them, so they are declared done once they are there.
done = threading.Event()
jobs_seen = []


def call(method, path, body=None, kind="application/json"):
    """The status, what was answered, and what was warned of."""
    connection = http.client.HTTPSConnection(address, context=ssl._create_unverified_context(), timeout=30)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
    connection.request(method, path, body if body is None or isinstance(body, (str, bytes)) else json.dumps(body), headers)
    answer = connection.getresponse()
    warnings = answer.headers.get_all("Warning") or []
    text = answer.read()
    # A path that is not known is answered in plain text.
    is_json = "json" in answer.headers.get("Content-Type", "")
    return answer.status, json.loads(text) if is_json else {"message": text.decode()}, warnings


def listed(path):
    """What lies there; a kind that is new takes a moment."""
    answered = call("GET", path)
    while answered[0] == 429:
        time.sleep(0.2)
        answered = call("GET", path)
    return must(answered, path)["items"]


def must(answered, what):
    status, answer, warnings = answered
    if status >= 300:
        sys.exit(f"error: {what}: {status} {answer.get('message')}")
    findings.extend(f"{what}: {warning}" for warning in warnings)
    return answer


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def finish_jobs():
    while not done.wait(0.3):
        _, answer, _ = call("GET", "/apis/batch/v1/jobs")
        for job in answer.get("items", []):
            if job["status"].get("completionTime"):
                continue
            name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
            conditions = [
                {"type": kind, "status": "True", "lastTransitionTime": now()} for kind in ("SuccessCriteriaMet", "Complete")
            ]
            status = {"startTime": now(), "completionTime": now(), "succeeded": 1, "conditions": conditions}
            path = f"/apis/batch/v1/namespaces/{namespace}/jobs/{name}/status"
            must(call("PATCH", path, {"status": status}, "application/merge-patch+json"), f"job {name}")
            jobs_seen.append(name)


def helm(*words):
    ran = subprocess.run(
        [helm_command, *words], env={**os.environ, "KUBECONFIG": str(folder / "kubeconfig")}, text=True, capture_output=True
    )
    said = [line for line in ran.stderr.splitlines() if "found symbolic link" not in line]
    findings.extend(f"helm {words[0]}: {line}" for line in said if line.strip())
    if ran.returncode:
        sys.exit(f"error: helm {' '.join(words)}: {ran.stderr}")
    return ran.stdout


def path_of(each, namespace):
    """Where an object lies; the server knows what its kind is called in paths."""
    namespace = each["metadata"].get("namespace", namespace)
    prefix = "/api/v1" if each["apiVersion"] == "v1" else f"/apis/{each['apiVersion']}"
    _, kinds, _ = call("GET", prefix)
    (name,) = (kind["name"] for kind in kinds["resources"] if kind["kind"] == each["kind"] and "/" not in kind["name"])
    return f"{prefix}/namespaces/{namespace}/{name}/{each['metadata']['name']}"


def strictly(manifest, namespace):
    """Whether the server takes each object to the letter, and warns of nothing."""
    objects = [each for each in yaml.safe_load_all(manifest) if each]
    for each in objects:
        query = "?dryRun=All&fieldValidation=Strict&fieldManager=check&force=true"
        answered = call("PATCH", path_of(each, namespace) + query, json.dumps(each), "application/apply-patch+yaml")
        must(answered, f"{each['kind']} {each['metadata']['name']}")
    return objects


def there(objects, namespace):
    for each in objects:
        must(call("GET", path_of(each, namespace)), f"{each['kind']} {each['metadata']['name']} in {namespace}")


def custom_kinds():
    """The group and version of each kind that is no kind of Kubernetes, and what it is called in paths."""
    for path in definitions:
        spec = yaml.safe_load(path.read_text())["spec"]
        for version in spec["versions"]:
            if version["served"]:
                yield f"/apis/{spec['group']}/{version['name']}", spec["names"]["plural"]


def is_kept(each):
    """Whether the object stays when its release goes."""
    return each["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"


def leftovers(namespace):
    found = []
    for path, kind in (
        ("/api/v1", "configmaps"), ("/api/v1", "secrets"), ("/api/v1", "services"), ("/api/v1", "serviceaccounts"),
        ("/apis/apps/v1", "deployments"), ("/apis/batch/v1", "jobs"), ("/apis/policy/v1", "poddisruptionbudgets"),
        ("/apis/networking.k8s.io/v1", "networkpolicies"), ("/apis/networking.k8s.io/v1", "ingresses"),
        ("/apis/autoscaling/v2", "horizontalpodautoscalers"), *custom_kinds(),
    ):  # fmt: skip
        found += [f"{kind}/{each['metadata']['name']}" for each in listed(f"{path}/namespaces/{namespace}/{kind}")]
    return found


def deployment(namespace):
    return must(call("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments/saga-tracker"), "the deployment")


def go_through(values_file):
    """The name of a file with values stands for its environment, or for its option."""
    environment = values_file.stem.removeprefix("values-").removesuffix("-values")
    namespace = f"sagas-{environment}"
    must(call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {
        "name": namespace, "labels": {"pod-security.kubernetes.io/enforce": "restricted",
                                      "pod-security.kubernetes.io/warn": "restricted"}}}), namespace)  # fmt: skip
    where = ["--namespace", namespace]
    values = ["--values", str(values_file), *where]
    jobs = len(jobs_seen)
    helm("install", "saga-tracker", str(chart), *values)
    objects = strictly(helm("get", "manifest", "saga-tracker", *where), namespace)
    hooks = strictly(helm("get", "hooks", "saga-tracker", *where), namespace)
    there(objects, namespace)
    before_each = sum(each["kind"] == "Job" for each in hooks)
    assert before_each, "no job makes the tables"
    assert len(jobs_seen) == jobs + before_each, f"{jobs_seen}: {before_each} jobs before the installation"
    before = deployment(namespace)["spec"]["template"]

    helm("upgrade", "saga-tracker", str(chart), *values, "--set", "image.tag=next", "--set", "config.ingest.batchSize=2000")
    after = deployment(namespace)["spec"]["template"]
    assert after["spec"]["containers"][0]["image"].endswith(":next"), after
    kept = "checksum/config"
    assert before["metadata"]["annotations"][kept] != after["metadata"]["annotations"][kept], "changed settings start new pods"
    assert len(jobs_seen) == jobs + 2 * before_each, f"{jobs_seen}: {before_each} jobs before the upgrade"
    there(objects, namespace)

    helm("rollback", "saga-tracker", "1", *where)
    assert deployment(namespace)["spec"]["template"] == before, "a rollback gives what was there"
    helm("uninstall", "saga-tracker", *where)
    left = set(leftovers(namespace))
    stay = {path_of(each, namespace).rsplit("/", 2)[1] + "/" + each["metadata"]["name"] for each in objects if is_kept(each)}
    assert left == stay, f"left behind: {left}, of which these are to be kept: {stay}"
    print(f"{environment}: {len(objects)} objects and {len(hooks)} hooks: installed, upgraded, rolled back, uninstalled")


def main():
    for path in definitions:
        path_of_all = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        must(call("POST", path_of_all, path.read_bytes(), "application/yaml"), path.name)
    for group, plural in custom_kinds():
        while plural not in [kind["name"] for kind in call("GET", group)[1].get("resources", [])]:
            time.sleep(0.2)
    version = must(call("GET", "/version"), "version")["gitVersion"]
    print(f"Kubernetes {version}, {helm('version', '--short').strip()}")
    threading.Thread(target=finish_jobs, daemon=True).start()
    for values_file in [*sorted(chart.glob("values-*.yaml")), *sorted(chart.glob("ci/*-values.yaml"))]:
        go_through(values_file)
    must(call("POST", "/api/v1/namespaces", {"metadata": {"name": "argocd"}}), "argocd")
    strictly((root / "deploy/argocd/application.yaml").read_text(), "argocd")
    strictly((root / "deploy/argo-rollouts/analysis-template.yaml").read_text(), "argocd")
    print("the Argo CD application and the analysis template are taken")
    done.set()
    for finding in findings:
        print(f"found: {finding}")
    print(f"{len(findings)} findings")
    sys.exit(1 if findings else 0)


main()
