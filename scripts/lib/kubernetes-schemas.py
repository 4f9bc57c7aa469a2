"""JSON Schemas for kubeconform, one file for each kind, from what Kubernetes and operators publish.

    kubernetes-schemas.py FOLDER SWAGGER.json CRD.yaml|json...

Fields that a schema does not name are refused, so that a misspelt one is found.
"""

import json
import pathlib
import sys

import yaml

INT_OR_STRING = {"oneOf": [{"type": "string"}, {"type": "integer"}]}
OPEN = "x-kubernetes-preserve-unknown-fields"


def strict(schema):
    """The schema, closed at each level that names its fields."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string":
        return INT_OR_STRING
    # Values may carry any of these names, so only a mapping of fields is looked into by field.
    closed = {
        key: {name: strict(field) for name, field in value.items()} if key == "properties" else strict(value)
        for key, value in schema.items()
        if key not in ("description", "default", "example")
    }
    if "properties" in closed and "additionalProperties" not in closed and not closed.get(OPEN):
        closed["additionalProperties"] = False
    return closed


def referred(schema, definitions, found):
    """Adds to `found` every definition that the schema leads to."""
    if isinstance(schema, list):
        for item in schema:
            referred(item, definitions, found)
    elif isinstance(schema, dict):
        name = schema.get("$ref", "")
        name = name.removeprefix("#/definitions/") if isinstance(name, str) else ""
        if name and name not in found:
            found[name] = definitions[name]
            referred(definitions[name], definitions, found)
        for value in schema.values():
            referred(value, definitions, found)


def write(folder, group, version, kind, schema):
    parts = [kind.lower(), *([group.split(".")[0]] if group else []), version]
    (folder / ("-".join(parts) + ".json")).write_text(json.dumps(schema))


def from_kubernetes(folder, swagger):
    definitions = {name: strict(schema) for name, schema in swagger["definitions"].items()}
    # A quantity may be written as a number, too.
    definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"] = {"type": ["string", "number"]}
    for name, schema in definitions.items():
        kinds = schema.get("x-kubernetes-group-version-kind", [])
        if len(kinds) == 1:  # what belongs to many groups is no object of its own
            needed = {}
            referred(schema, definitions, needed)
            (kind,) = kinds
            write(folder, kind["group"], kind["version"], kind["kind"], {**schema, "definitions": needed})


def from_definition(folder, crd):
    for version in crd["spec"]["versions"]:
        schema = strict(version["schema"]["openAPIV3Schema"])
        # The API server validates these itself.
        schema["properties"] |= {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
        write(folder, crd["spec"]["group"], version["name"], crd["spec"]["names"]["kind"], schema)


def main():
    folder, swagger, *crds = map(pathlib.Path, sys.argv[1:])
    from_kubernetes(folder, json.loads(swagger.read_text()))
    for path in crds:
        from_definition(folder, yaml.safe_load(path.read_text()))


main()
