# Runs the official tests on clouds given as JSON, without a cloud.
#
# Standard input: {"suite": folder of the standards, "now": seconds, "clouds": [...], "names": [...]}
# Standard output: {"verdicts": [{id: verdict}], "names": [null or [name, first syntax, short]]}
#
# The glue of the official tests itself is used (openstack_test.make_container); only what asks a cloud is replaced.
import json
import logging
import sys
import time
from types import SimpleNamespace
from unittest.mock import MagicMock

given = json.load(sys.stdin)
time.time = lambda: given["now"]
sys.path.insert(0, given["suite"] + "/Tests/iaas")
for name in ("openstack", "openstack.exceptions", "openstack.cloud", "boto3", "botocore", "botocore.exceptions", "keystoneauth1", "requests"):
    sys.modules.setdefault(name, MagicMock())
logging.disable(logging.CRITICAL)

import openstack_test  # noqa: E402
from scs_0100_flavor_naming import flavor_names  # noqa: E402
from scs_0100_flavor_naming.flavor_names_check import STRATEGY  # noqa: E402
from scs_0115_security_groups.security_groups import check_default_rules  # noqa: E402

FIXED = ("id", "name", "visibility", "created_at", "os_hidden", "os_hash_algo", "min_disk", "min_ram", "size", "architecture",
         "os_distro", "os_version", "hw_disk_bus", "hypervisor_type", "hw_rng_model")


class Object(SimpleNamespace):
    def __getitem__(self, key):
        return getattr(self, key)


def image(raw):
    fixed = {key: raw.get(key) for key in FIXED}
    fixed["is_hidden"] = fixed.pop("os_hidden")
    fixed["hash_algo"] = fixed.pop("os_hash_algo")
    return Object(properties={key: value for key, value in raw.items() if key not in FIXED}, **fixed)


def rule(raw):
    keys = ("direction", "ethertype", "remote_ip_prefix", "remote_group_id", "used_in_default_sg", "used_in_non_default_sg")
    return Object(**{key: raw.get(key) for key in keys})


def container(cloud):
    c = openstack_test.make_container("cloud")
    flavors = [Object(**raw) for raw in cloud["flavors"]]
    images = [image(raw) for raw in cloud["images"] if raw["visibility"] in ("public", "community")]
    types = [Object(**raw) for raw in cloud["volume_types"]]
    rules = [rule(raw) for raw in cloud["default_security_group_rules"]]
    services = {name: [{"url": "https://c"}] for name in cloud["services"]}
    for key, value in (("flavors", flavors), ("images", images), ("volume_types", types), ("services_lookup", services)):
        c._functions[key] = lambda _, value=value: value
    c._functions["scs_0115_default_rules"] = lambda _: check_default_rules(rules)
    return c


def verdicts(cloud):
    c = container(cloud)
    found = {}
    for name in given["ids"]:
        try:
            found[name] = "PASS" if getattr(c, name.replace("-", "_")) else "FAIL"
        except BaseException:
            found[name] = "ABORT"
    return found


def taken_apart(name):
    try:
        parsed = STRATEGY(name)
    except ValueError:
        return None
    written = flavor_names.outputter(parsed)
    return [written, flavor_names.SyntaxV1.from_v2(written), flavor_names.outputter(parsed.shorten())]


print(json.dumps({
    "verdicts": [verdicts(cloud) for cloud in given["clouds"]],
    "names": [taken_apart(name) for name in given["names"]],
}))
