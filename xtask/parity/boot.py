"""Prints how many seconds a server takes from the request for it until everything in it has run, as its console says.

The server is the one that the checks boot: the same image, the same flavor, a network of its own. Everything is deleted again.
"""

import sys
import time

import openstack

NAME = "boot-time"
IMAGE, FLAVOR, LAST_WORDS = "Debian 13", "lab-tiny", "reeve-guest: ready"
SECONDS = 600


def main():
    cloud = openstack.connect(cloud=sys.argv[1])
    image = cloud.image.find_image(IMAGE, ignore_missing=False)
    flavor = cloud.compute.find_flavor(FLAVOR, ignore_missing=False)
    network = cloud.network.create_network(name=NAME)
    server = None
    try:
        cloud.network.create_subnet(name=NAME, network_id=network.id, ip_version=4, cidr="10.2.0.0/24")
        began = time.monotonic()
        server = cloud.compute.create_server(
            name=NAME, image_id=image.id, flavor_id=flavor.id, networks=[{"uuid": network.id}], config_drive=True)
        while True:
            took = time.monotonic() - began
            try:
                said = cloud.compute.get_server_console_output(server)["output"] or ""
            except openstack.exceptions.HttpException:
                said = ""  # there is no console yet
            if LAST_WORDS in said:
                break
            if took > SECONDS or cloud.compute.get_server(server).status == "ERROR":
                sys.exit(f"after {took:.0f} s the server has not said that it is ready")
            time.sleep(0.5)
        print(f"{took:.2f}")
    finally:
        if server:
            cloud.compute.delete_server(server)
            cloud.compute.wait_for_delete(server, wait=120)
        cloud.network.delete_network(network)


main()
