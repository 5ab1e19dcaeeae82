"""Prints what the laboratory's profiles can change, as an administrator and a member see it, in an order that is always the same."""

import time

import openstack

NAME = "lab-look"


def show(*words):
    print(*words, flush=True)


def attempt(what, work):
    """Shows what came of it; the text of an error holds ids."""
    try:
        show(what, work())
    except Exception as error:  # the kind of failure is what is looked for
        show(what, type(error).__name__)


def rbac(member):
    net = member.network.create_network(name=NAME)
    try:
        answer = member.network.post("/rbac-policies", json={"rbac_policy": {
            "object_type": "network", "object_id": net.id, "action": "access_as_shared", "target_tenant": "0" * 32}})
        if answer.status_code == 201:
            member.network.delete(f"/rbac-policies/{answer.json()['rbac_policy']['id']}")
        return answer.status_code
    finally:
        member.network.delete_network(net)


def secret(member):
    answer = member.key_manager.post("/secrets", json={"name": NAME, "payload": "x", "payload_content_type": "text/plain"})
    if answer.status_code == 201:
        member.key_manager.delete("/secrets/" + answer.json()["secret_ref"].rsplit("/", 1)[1])
    return answer.status_code


def domain_manager():
    manager = openstack.connect(cloud="one-manager")
    return len(list(manager.identity.users(domain_id=manager.session.auth.get_access(manager.session).domain_id)))


def old_tls(member):
    """Tells what TLS 1.0 is worth at the image endpoint; Python itself would need a lower security level."""
    import subprocess
    address = member.image.get_endpoint().split("/")[2]
    said = subprocess.run(
        ["openssl", "s_client", "-connect", address, "-tls1", "-cipher", "DEFAULT:@SECLEVEL=0"], input=b"", capture_output=True)
    return b"TLSv1" in said.stdout and b"Cipher is (NONE)" not in said.stdout


def imported(member):
    """Tells what format an image has that was imported as qcow2."""
    import subprocess
    disk = f"/tmp/{NAME}.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "1M"], check=True)
    image = member.image.create_image(
        NAME, filename=disk, disk_format="qcow2", container_format="bare", use_import=True, wait=True, timeout=120)
    try:
        # The SDK does not wait for the import itself.
        for _ in range(60):
            image = member.image.get_image(image.id)
            if image.status == "active":
                return image.disk_format
            time.sleep(1)
        return image.status
    finally:
        member.image.delete_image(image.id)


def processors():
    text = open("/etc/nova/nova-compute.conf").read()
    return "rdrand" in text


def main():
    admin = openstack.connect(cloud="admin")
    member = openstack.connect(cloud="alpha-member")
    for flavor in sorted(admin.compute.flavors(get_extra_specs=True), key=lambda f: f.name):
        show("flavor", flavor.name, flavor.vcpus, flavor.ram, flavor.disk, sorted(flavor.extra_specs.items()))
    for image in sorted(admin.image.get("/images?visibility=all&limit=100").json()["images"], key=lambda i: i["name"]):
        wanted = ("name", "visibility", "os_hidden", "os_purpose", "image_build_date", "image_original_user", "hotfix_hours",
                  "replace_frequency", "provided_until", "uuid_validity")
        show("image", [image.get(key) for key in wanted])
    rules = admin.network.get("/default-security-group-rules").json()["default_security_group_rules"]
    show("rules", sorted((r["direction"], r["ethertype"], str(r["port_range_min"])) for r in rules))
    show("default network", admin.network.find_network("public").is_default)
    show("default pool", admin.network.find_subnet_pool("default-v6").is_default)
    attempt("domain manager", domain_manager)
    # Neutron notices changed rules at a request, once a second has passed.
    time.sleep(1.5)
    attempt("share", lambda: rbac(member))
    attempt("secret", lambda: secret(member))
    attempt("imported", lambda: imported(member))
    kinds = {service.id: service.type for service in admin.identity.services()}
    for endpoint in sorted(admin.identity.endpoints(), key=lambda e: (kinds[e.service_id], e.interface)):
        show("endpoint", kinds[endpoint.service_id], endpoint.interface, endpoint.url)
    attempt("objects", lambda: "swift" in member.object_store.get("/info", endpoint_filter={"interface": "public"}).text
            or member.object_store.get("").status_code)
    attempt("old TLS", lambda: old_tls(member))
    show("rdrand", processors())
    # Whether cinder-backup runs is seen at once only in the list of processes.
    import glob
    words = [open(path, "rb").read() for path in glob.glob("/proc/[0-9]*/cmdline")]
    show("backup", any(b"cinder-backup" in word for word in words))


main()
