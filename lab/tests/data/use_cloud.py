"""Uses the laboratory's cloud as a member of a project does, and deletes everything again. Prints a line for each thing that worked."""

import base64
import sys
import time

import openstack

NAME = "lab-test"


def until(what, probe, seconds=300):
    end = time.monotonic() + seconds
    seen = None
    while time.monotonic() < end:
        done, seen = probe()
        if done:
            print(what, flush=True)
            return
        time.sleep(1)
    sys.exit(f"{what}: not within {seconds} s; last seen: {seen}")


def status(get, thing, wanted):
    def probe():
        now = get(thing.id).status.lower()
        if "error" in now:
            sys.exit(f"{thing.name}: {now}")
        return now == wanted, now
    return probe


def tidy(cloud):
    compute, network, volume = cloud.compute, cloud.network, cloud.block_storage
    for proxy, things, delete in (
            (compute, compute.servers, compute.delete_server),
            (volume, volume.backups, volume.delete_backup),
            (volume, volume.volumes, volume.delete_volume)):
        for thing in [thing for thing in things() if (thing.name or "").startswith(NAME)]:
            delete(thing)
            proxy.wait_for_delete(thing, wait=180)
    for found in list(network.networks(name=NAME)):
        network.delete_network(found)


def server_with_volume(cloud):
    compute, network, volume = cloud.compute, cloud.network, cloud.block_storage
    net = network.create_network(name=NAME)
    network.create_subnet(network_id=net.id, ip_version=4, cidr="10.9.0.0/24", name=NAME)
    data = base64.b64encode(b"#!/bin/sh\necho lab-test: user data ran as $(id -u)\n").decode()
    server = compute.create_server(
        name=NAME, networks=[{"uuid": net.id}], user_data=data, image_id=cloud.image.find_image("Debian 13").id,
        flavor_id=compute.find_flavor("lab-tiny").id)
    until("server active", status(compute.get_server, server, "active"))

    def console(text):
        def probe():
            said = compute.get_server_console_output(server).get("output") or ""
            return text in said, said[-200:]
        return probe
    until("user space", console("reeve-guest: user space"))
    until("user data", console("lab-test: user data ran as 0"))
    until("address", console("reeve-guest: address 10.9.0."))
    until("ready", console("reeve-guest: ready"))
    disk = volume.create_volume(name=NAME, size=1)
    until("volume", status(volume.get_volume, disk, "available"))
    compute.create_volume_attachment(server, volume_id=disk.id)
    until("attached", status(volume.get_volume, disk, "in-use"))
    compute.delete_volume_attachment(server, disk.id)
    until("detached", status(volume.get_volume, disk, "available"))
    backup = volume.create_backup(name=NAME, volume_id=disk.id)
    until("backup", status(volume.get_backup, backup, "available"))


def encrypted(cloud):
    volume = cloud.block_storage
    disk = volume.create_volume(name=f"{NAME}-luks", size=1, volume_type="lab-luks")
    until("encrypted volume", status(volume.get_volume, disk, "available"))


def objects(cloud):
    store = cloud.object_store
    store.create_container(name=NAME)
    store.upload_object(container=NAME, name="hello", data=b"world")
    assert store.download_object("hello", container=NAME) == b"world"
    store.delete_object("hello", container=NAME)
    store.delete_container(NAME)
    print("objects", flush=True)


# A path that an access rule allows, and one that none does. The RADOS gateway does not know access rules.
RULES = {
    "compute": ("/v2.1/flavors", "/v2.1/servers"),
    "image": ("/v2/images", "/v2/schemas/images"),
    "network": ("/v2.0/networks", "/v2.0/ports"),
    "block-storage": ("/v3/{project}/types", "/v3/{project}/volumes"),
    "key-manager": ("/v1/secrets", "/v1/orders"),
    "load-balancer": ("/v2/lbaas/loadbalancers", "/v2/lbaas/providers"),
}


def access_rules(cloud):
    project, user = cloud.current_project_id, cloud.current_user_id
    rules = [{"service": kind, "method": "GET", "path": allowed.format(project=project)} for kind, (allowed, _) in RULES.items()]
    made = cloud.identity.create_application_credential(user, NAME, access_rules=rules)
    try:
        limited = openstack.connect(
            auth_type="v3applicationcredential", region_name="RegionOne", auth={
                "auth_url": cloud.config.get_auth_args()["auth_url"], "application_credential_id": made.id,
                "application_credential_secret": made.secret})
        for kind, paths in RULES.items():
            scheme, _, host = cloud.session.get_endpoint(service_type=kind, interface="public").split("/")[:3]
            codes = [
                limited.session.get(f"{scheme}//{host}{path.format(project=project)}", raise_exc=False).status_code for path in paths]
            # The roles of the user may forbid it all the same, but the token is good.
            assert codes[0] != 401 and codes[0] < 500 and codes[1] == 401, f"{kind}: {codes}"
    finally:
        cloud.identity.delete_application_credential(user, made)
        for rule in list(cloud.identity.access_rules(user)):
            cloud.identity.delete_access_rule(user, rule)
    print("access rules", flush=True)


def managers():
    one = openstack.connect(cloud="one-manager")
    domain = one.identity.find_domain("one", ignore_missing=True) or one.identity.get_domain(
        one.session.auth.get_access(one.session).domain_id)
    user = one.identity.create_user(name=NAME, domain_id=domain.id, password="lab")
    one.identity.delete_user(user)
    print("domain manager", flush=True)


def main():
    cloud = openstack.connect(cloud="alpha-member")
    for kind in ("image", "compute", "network", "block-storage", "key-manager", "load-balancer", "object-store"):
        answer = cloud.session.get(
            "", endpoint_filter={"service_type": kind, "interface": "public"}, raise_exc=False, authenticated=True)
        assert answer.status_code < 500, f"{kind}: {answer.status_code}"
    print("catalogue", flush=True)
    tidy(cloud)
    server_with_volume(cloud)
    encrypted(cloud)
    objects(cloud)
    access_rules(cloud)
    managers()
    tidy(cloud)
    print("everything deleted", flush=True)


main()
