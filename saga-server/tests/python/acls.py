"""Grants or takes permissions of Kafka: acls.py SERVERS USER +TOPIC:name:READ -GROUP:name:READ ..."""

import sys

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

servers, user, *changes = sys.argv[1:]
admin = AdminClient({"bootstrap.servers": servers})
for change in changes:
    kind, name, operation = change[1:].split(":")
    acl = (
        ResourceType[kind],
        name,
        ResourcePatternType.LITERAL,
        f"User:{user}",
        "*",
        AclOperation[operation],
        AclPermissionType.ALLOW,
    )
    if change[0] == "+":
        done = admin.create_acls([AclBinding(*acl)])
    else:
        done = admin.delete_acls([AclBindingFilter(*acl)])
    for future in done.values():
        future.result()
