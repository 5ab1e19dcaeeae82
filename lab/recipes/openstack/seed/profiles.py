#!/usr/bin/python3
"""Breaks what the cloud holds, and mends it. Arguments: `break` or `mend`, a profile. A repeat of either changes nothing."""

import sys
import time

from cloud import DOMAINS, IMAGE_FILE, IMAGES, connect, image_properties, make_flavor

MISSING = ("1V-4", "2V-4-20s", "8V-64")
COMMUNITY = "Debian 11 (community)"


def drop_flavor(cloud, short):
    flavor = cloud.compute.find_flavor(f"SCS-{short}")
    if flavor:
        cloud.compute.delete_flavor(flavor)


def missing_flavors(cloud, broken):
    for short in MISSING:
        if broken:
            drop_flavor(cloud, short)
        elif not cloud.compute.find_flavor(f"SCS-{short}"):
            make_flavor(cloud, short)


# A flavor's sizes cannot be changed: each is made again, less than its name says or with specs that are not true.
OVERPROMISING = {
    "8V-32": {"vcpus": 8, "ram": 16 * 1024, "disk": 0},
    "4V-16-100s": {"vcpus": 4, "ram": 16 * 1024, "disk": 50},
    "16V-32": {"vcpus": 8, "ram": 32 * 1024, "disk": 0},
}
UNTRUE = {
    "2V-8": {"scs:cpu-type": "dedicated-core"},
    "4V-8": {"scs:name-v2": "SCS-8V-8"},
    "1V-8-20": {"scs:disk0-type": "nvme"},
}


def overpromising_flavors(cloud, broken):
    for short, sizes in OVERPROMISING.items():
        drop_flavor(cloud, short)
        if broken:
            # Made as promised first, for the extra specs, and then in the size that it has.
            make_flavor(cloud, short)
            flavor = cloud.compute.find_flavor(f"SCS-{short}", get_extra_specs=True)
            specs = dict(flavor.extra_specs)
            cloud.compute.delete_flavor(flavor)
            flavor = cloud.compute.create_flavor(name=f"SCS-{short}", **sizes)
            cloud.compute.create_flavor_extra_specs(flavor, specs)
        else:
            make_flavor(cloud, short)
    for short, specs in UNTRUE.items():
        if broken:
            flavor = cloud.compute.find_flavor(f"SCS-{short}")
            cloud.compute.create_flavor_extra_specs(flavor, specs)
        else:
            drop_flavor(cloud, short)
            make_flavor(cloud, short)


def days_ago(days):
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() - days * 86400))


FAULTY = {  # image: what is wrong; None for what is missing
    "Debian 12": {"os_purpose": None, "image_original_user": None},
    "Ubuntu 22.04": {"image_build_date": "last spring", "replace_frequency": "sometimes"},
    "Debian 13": {"hotfix_hours": "soon", "provided_until": "2020-13-01", "os_purpose": "desktop"},
    "ubuntu-capi-image-v1.32.5": {"image_build_date": days_ago(400), "uuid_validity": "sometimes"},
}


def image_metadata(cloud, broken):
    good = {image[0]: image_properties(image) for image in IMAGES}
    for name, wrong in FAULTY.items():
        image = cloud.image.find_image(name, ignore_missing=False)
        have = cloud.image.get(f"/images/{image.id}").json()
        changes = []
        for key, value in wrong.items():
            there = key in have
            value = value if broken else good[name][key]
            if value is None:
                if there:
                    changes.append({"op": "remove", "path": f"/{key}"})
            else:
                changes.append({"op": "replace" if there else "add", "path": f"/{key}", "value": value})
        if changes:
            patch(cloud, image, changes)


def patch(cloud, image, changes):
    answer = cloud.image.patch(
        f"/images/{image.id}", json=changes,
        headers={"Content-Type": "application/openstack-images-v2.1-json-patch"})
    if answer.status_code != 200:
        raise SystemExit(f"image {image.name}: {answer.status_code} {answer.text}")


def hidden_image(cloud, broken):
    # A list holds either the hidden images or the others.
    for image in list(cloud.image.images(name="Ubuntu 24.04", is_hidden=not broken)):
        patch(cloud, image, [{"op": "replace", "path": "/os_hidden", "value": broken}])


def community_image(cloud, broken):
    there = list(cloud.image.images(name=COMMUNITY, visibility="community"))
    if broken and not there:
        member = connect("alpha-member")
        member.image.create_image(
            COMMUNITY, filename=IMAGE_FILE, disk_format="raw", container_format="bare", visibility="community",
            validate_checksum=False, os_distro="debian", os_version="11")
    if not broken:
        for image in there:
            cloud.image.delete_image(image)


def ingress_default_rule(cloud, broken):
    wanted = {
        "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp", "port_range_min": "22", "port_range_max": "22",
        "used_in_default_sg": True, "used_in_non_default_sg": False}
    rules = cloud.network.get("/default-security-group-rules").json()["default_security_group_rules"]
    ours = [rule for rule in rules if rule["direction"] == "ingress" and str(rule["port_range_min"]) == "22"]
    if broken and not ours:
        answer = cloud.network.post("/default-security-group-rules", json={"default_security_group_rule": wanted})
        if answer.status_code != 201:
            raise SystemExit(f"default security group rule: {answer.status_code} {answer.text}")
    if not broken:
        for rule in ours:
            cloud.network.delete(f"/default-security-group-rules/{rule['id']}")


def no_default_network(cloud, broken):
    network = cloud.network.find_network("public")
    cloud.network.update_network(network, is_default=not broken)
    pool = cloud.network.find_subnet_pool("default-v6")
    cloud.network.update_subnet_pool(pool, is_default=not broken)


def no_domain_managers(cloud, broken):
    identity = cloud.identity
    role = identity.find_role("manager")
    for name in DOMAINS:
        domain = identity.find_domain(name)
        user = identity.find_user(f"{name}-manager", domain_id=domain.id)
        change = identity.unassign_domain_role_from_user if broken else identity.assign_domain_role_to_user
        change(domain, user, role)


def main():
    verb, profile = sys.argv[1:]
    globals()[profile.replace("-", "_")](connect(), verb == "break")


main()
