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
    managers()
    tidy(cloud)
    print("everything deleted", flush=True)


main()
