#!/usr/bin/python3
"""Waits until every service that reports a heartbeat has done so since a moment. Arguments: the moment in seconds since 1970, seconds to
wait, and the services if not all are meant.

Heartbeats from before do not count: right after a start they still look alive, and the scheduler then finds no host.
"""

import sys
import time

from cloud import connect

WANTED = {
    "compute": {"nova-compute", "nova-conductor", "nova-scheduler"},
    "volume": {"cinder-volume", "cinder-scheduler", "cinder-backup"},
    # The metadata agent reports itself half a minute late, and nothing waits for it.
    "network": {"ovn-controller"},
}


def missing(cloud, since, only):
    """Returns what is not alive yet."""
    alive = {
        "compute": {s.binary for s in cloud.compute.services() if s.state == "up" and s.updated_at >= since},
        "volume": {s.binary for s in cloud.block_storage.services() if s.state == "up" and s.updated_at >= since},
        "network": {a.binary for a in cloud.network.agents() if a.is_alive},
    }
    left = sorted(name for kind, wanted in WANTED.items() for name in wanted - alive[kind] if not only or name in only)
    if not left and not any(cloud.compute.hypervisors()):
        left = ["a hypervisor"]
    return left


def main():
    since = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(float(sys.argv[1])))
    end = time.monotonic() + float(sys.argv[2])
    cloud = connect()
    left = ["an answer"]
    while time.monotonic() < end:
        try:
            left = missing(cloud, since, sys.argv[3:])
        except Exception as error:  # an API that is not ready yet answers in many ways
            left = [f"an answer: {error}"]
        if not left:
            return
        time.sleep(0.5)
    sys.exit("no sign of life from " + ", ".join(left))


main()
