# Asks the mons five times a second what every daemon sees; one JSON object a line. Two clients ask in turn, so that one that has to find another mon, because
# its own has just stopped, does not make the cluster look silent. Answers come only from mons in quorum.
import json
import sys
import threading
import time

import rados

LOCK = threading.Lock()


def ask(cluster, prefix):
    status, answer, _ = cluster.mon_command(json.dumps({"prefix": prefix, "format": "json"}), b"")
    if status != 0:
        raise OSError(status, prefix)
    return json.loads(answer)


def look(cluster):
    status, osds, mgr = ask(cluster, "status"), ask(cluster, "osd dump"), ask(cluster, "mgr stat")
    pgs = status["pgmap"].get("pgs_by_state", [])
    return {
        "quorum": status["quorum_names"],
        "mon_epoch": status["monmap"]["epoch"],
        "election_epoch": status["election_epoch"],
        "up_from": {osd["osd"]: osd["up_from"] for osd in osds["osds"] if osd["up"]},
        "unclean": sum(pg["count"] for pg in pgs if pg["state_name"] != "active+clean" and "scrub" not in pg["state_name"]),
        "mgr": mgr["active_name"] if mgr["available"] else "",
    }


def watch(offset):
    cluster = rados.Rados(conffile="/etc/ceph/ceph.conf", name="client.admin", conf={"rados_mon_op_timeout": "3"})
    cluster.connect(timeout=30)
    time.sleep(offset)
    while True:
        begun = time.time()
        try:
            seen = look(cluster)
        except Exception:  # no answer; the time until the next one tells
            time.sleep(0.05)
            continue
        with LOCK:
            json.dump({"asked": begun, "at": time.time(), **seen}, sys.stdout)
            print(flush=True)
        time.sleep(max(0.05, 0.4 - (time.time() - begun)))


for offset in (0.0, 0.2):
    threading.Thread(target=watch, args=(offset,), daemon=True).start()
while True:
    time.sleep(3600)
