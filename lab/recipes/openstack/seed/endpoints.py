#!/usr/bin/python3
"""Sets all endpoints. Arguments: scheme and host of the public ones, `rgw` or `swift` for objects. A repeat changes nothing."""

import sys

from cloud import HOST, connect, endpoints


def main():
    public, objects = sys.argv[1:]
    wanted = {"public": endpoints(public, objects), "internal": endpoints(HOST, objects)}
    identity = connect().identity
    kinds = {service.id: service.type for service in identity.services()}
    for endpoint in identity.endpoints():
        if endpoint.interface in wanted:
            _, address = wanted[endpoint.interface][kinds[endpoint.service_id]]
            if endpoint.url != address:
                identity.update_endpoint(endpoint, url=address)


main()
