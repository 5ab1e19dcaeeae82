"""What all programs of this folder share: the login as administrator and the lists of what the laboratory holds."""

import time

import openstack

HOST = "http://127.0.0.1"
SERVICE_USERS = ("barbican", "cinder", "glance", "neutron", "nova", "octavia", "placement", "rgw", "swift")
# A domain, the project in it. Each project has a user for each of ROLES, each domain a manager.
DOMAINS = {"one": "alpha", "two": "beta"}
ROLES = ("reader", "member", "manager")
IMAGE_FILE = "/opt/guest/guest.raw"

# Of scs-0103-v1: mandatory and recommended. A name says virtual CPUs and their kind, GiB of memory, GiB of disk and its kind.
MANDATORY = (
    "1L-1", "1V-2", "1V-4", "1V-8", "2V-4", "2V-4-20s", "2V-8", "2V-16", "4V-8", "4V-16", "4V-16-100s", "4V-32",
    "8V-16", "8V-32", "16V-32",
)
RECOMMENDED = (
    "1L-1-5", "1V-2-5", "1V-4-10", "1V-8-20", "2V-4-10", "2V-8-20", "2V-16-50", "4V-8-20", "4V-16-50", "4V-32-100",
    "8V-16-50", "8V-32-100", "16V-32-100", "8V-64", "16V-64", "16V-128",
)

DEBIAN = "https://cloud.debian.org/images/cloud"
UBUNTU = "https://cloud-images.ubuntu.com"
KUBERNETES = "https://nbg1.your-objectstorage.com/osism/openstack-k8s-capi-images/ubuntu-2404-kube/image.qcow2"
IMAGES = (  # name, distribution, version, purpose, user, source
    ("Debian 13", "debian", "13", "generic", "debian", f"{DEBIAN}/trixie/latest/debian-13-genericcloud-amd64.raw"),
    ("Debian 12", "debian", "12", "generic", "debian", f"{DEBIAN}/bookworm/latest/debian-12-genericcloud-amd64.raw"),
    ("Ubuntu 24.04", "ubuntu", "24.04", "generic", "ubuntu", f"{UBUNTU}/releases/noble/release/ubuntu-24.04.img"),
    ("Ubuntu 22.04", "ubuntu", "22.04", "generic", "ubuntu", f"{UBUNTU}/releases/jammy/release/ubuntu-22.04.img"),
    ("ubuntu-capi-image v1.33.1", "ubuntu", "24.04", "k8snode", "ubuntu", KUBERNETES),
    ("ubuntu-capi-image-v1.32.5", "ubuntu", "24.04", "k8snode", "ubuntu", KUBERNETES),
)


def endpoints(base, objects):
    """Returns name and address of the endpoint of every service type, where `base` is scheme and host, and objects are in `rgw` or `swift`."""
    path = {"rgw": "7480/swift/v1", "swift": "8080/v1"}[objects]
    return {
        "identity": ("keystone", f"{base}:5000/v3"),
        "image": ("glance", f"{base}:9292"),
        "placement": ("placement", f"{base}:8778"),
        "compute": ("nova", f"{base}:8774/v2.1"),
        "network": ("neutron", f"{base}:9696"),
        "block-storage": ("cinder", f"{base}:8776/v3/%(project_id)s"),
        "volumev3": ("cinderv3", f"{base}:8776/v3/%(project_id)s"),
        "key-manager": ("barbican", f"{base}:9311"),
        "load-balancer": ("octavia", f"{base}:9876"),
        "object-store": ("swift", f"{base}:{path}/AUTH_%(project_id)s"),
        "object-store-s3": ("s3", f"{base}:{path.split('/')[0]}"),
    }


def connect(cloud="admin"):
    """Returns a connection by the laboratory's own clouds.yaml, over the internal endpoints."""
    return openstack.connect(cloud=cloud)


def flavor_parts(short):
    """Returns what a flavor's name promises: CPUs, MiB of memory, GiB of disk, extra specs."""
    cpu, memory, *disk = short.split("-")
    name = f"SCS-{short}"
    specs = {
        "scs:name-v1": "SCS-" + short.replace("-", ":"),
        "scs:name-v2": name,
        "scs:cpu-type": {"V": "shared-core", "L": "crowded-core"}[cpu[-1]],
        "hw_rng:allowed": "true",
    }
    size = 0
    if disk:
        size = int(disk[0].rstrip("s"))
        specs["scs:disk0-type"] = "ssd" if disk[0].endswith("s") else "network"
    return int(cpu[:-1]), int(memory) * 1024, size, specs


def make_flavor(cloud, short):
    """Makes a flavor as its name says."""
    cpus, memory, disk, specs = flavor_parts(short)
    flavor = cloud.compute.create_flavor(name=f"SCS-{short}", vcpus=cpus, ram=memory, disk=disk)
    cloud.compute.create_flavor_extra_specs(flavor, specs)


def image_properties(image):
    """Returns the metadata of a row of IMAGES, as the standard asks for it."""
    name, distribution, version, purpose, user, source = image
    return {
        "architecture": "x86_64", "hypervisor_type": "qemu", "hw_disk_bus": "virtio", "hw_rng_model": "virtio",
        "os_distro": distribution, "os_version": version, "os_purpose": purpose, "image_original_user": user,
        "image_source": source, "image_build_date": time.strftime("%Y-%m-%d", time.gmtime()),
        "image_description": f"The laboratory's stand-in for {name}", "replace_frequency": "monthly",
        "provided_until": "none", "uuid_validity": "last-3", "hotfix_hours": "0",
    }
