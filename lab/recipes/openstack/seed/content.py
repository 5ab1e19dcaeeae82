#!/usr/bin/python3
"""Fills a new cloud. Argument: `identities` while only Keystone runs, then `content`. The password comes on standard input."""

import sys

from cloud import (
    DOMAINS, HOST, IMAGE_FILE, IMAGES, MANDATORY, RECOMMENDED, ROLES, SERVICE_USERS, connect, endpoints,
    image_properties, make_flavor)


def identities(password):
    identity = connect().identity
    for kind, (name, address) in endpoints(HOST, "rgw").items():
        if kind == "identity":
            continue  # the bootstrap made it
        service = identity.create_service(type=kind, name=name)
        for interface in ("public", "internal"):
            identity.create_endpoint(service_id=service.id, interface=interface, url=address, region_id="RegionOne")
    roles = {role.name: role for role in identity.roles()}
    default = identity.find_domain("Default")
    services = identity.create_project(name="service", domain_id=default.id)
    for name in SERVICE_USERS:
        user = identity.create_user(name=name, password=password, domain_id=default.id)
        for role in ("admin", "service"):
            identity.assign_project_role_to_user(services, user, roles[role])
    for domain_name, project_name in DOMAINS.items():
        domain = identity.create_domain(name=domain_name)
        project = identity.create_project(name=project_name, domain_id=domain.id)
        for role in ROLES:
            user = identity.create_user(name=f"{project_name}-{role}", password=password, domain_id=domain.id)
            identity.assign_project_role_to_user(project, user, roles[role])
        manager = identity.create_user(name=f"{domain_name}-manager", password=password, domain_id=domain.id)
        identity.assign_domain_role_to_user(domain, manager, roles["manager"])


def flavors(cloud):
    for short in MANDATORY + RECOMMENDED:
        make_flavor(cloud, short)
    # Nova refuses a server on a flavor without disk unless it boots from a volume.
    tiny = cloud.compute.create_flavor(name="lab-tiny", vcpus=1, ram=256, disk=1)
    cloud.compute.create_flavor_extra_specs(tiny, {"hw_rng:allowed": "true"})


def volume_types(cloud):
    volumes = cloud.block_storage
    backend = {"volume_backend_name": "rbd"}
    volumes.create_type(name="lab", description="[scs:replicated] RBD", extra_specs=backend)
    luks = volumes.create_type(
        name="lab-luks", description="[scs:encrypted, replicated] RBD with LUKS", extra_specs=backend)
    volumes.create_type_encryption(
        luks, provider="luks", cipher="aes-xts-plain64", key_size=256, control_location="front-end")


def networks(cloud):
    network = cloud.network
    public = network.create_network(
        name="public", is_router_external=True, is_default=True, provider_network_type="flat",
        provider_physical_network="physnet1")
    for name, version, cidr, gateway in (
            ("public-v4", 4, "198.51.100.0/24", "198.51.100.1"),
            ("public-v6", 6, "2001:db8:100::/64", "2001:db8:100::1")):
        network.create_subnet(
            network_id=public.id, name=name, ip_version=version, cidr=cidr, gateway_ip=gateway, is_dhcp_enabled=False)
    network.create_subnet_pool(
        name="default-v6", prefixes=["2001:db8:200::/48"], default_prefix_length=64, is_shared=True, is_default=True)


def images(cloud):
    for image in IMAGES:
        cloud.image.create_image(
            image[0], filename=IMAGE_FILE, disk_format="raw", container_format="bare", visibility="public",
            validate_checksum=False, min_disk=1, min_ram=128, **image_properties(image))


def content():
    cloud = connect()
    for part in (flavors, volume_types, networks, images):
        part(cloud)


if __name__ == "__main__":
    if sys.argv[1] == "identities":
        identities(sys.stdin.readline().strip())
    else:
        content()
