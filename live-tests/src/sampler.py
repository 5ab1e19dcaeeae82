# Asks the mons once a second what every daemon sees, in one process, so that asking costs next to nothing; one JSON object a line.
# A question that is not answered within three seconds is a line too: without quorum nobody answers.
import json
import sys
import time

import rados

cluster = rados.Rados(conffile="/etc/ceph/ceph.conf", name="client.admin", conf={"rados_mon_op_timeout": "3"})
cluster.connect(timeout=30)


def ask(prefix):
    status, answer, _ = cluster.mon_command(json.dumps({"prefix": prefix, "format": "json"}), b"")
    if status != 0:
        raise OSError(status, prefix)
    return json.loads(answer)


def sample():
    status, osds, mgr = ask("status"), ask("osd dump"), ask("mgr stat")
    pgs = status["pgmap"].get("pgs_by_state", [])
    return {
        "health": status["health"]["status"],
        "codes": sorted(status["health"].get("checks", {})),
        "quorum": status["quorum_names"],
        "mon_epoch": status["monmap"]["epoch"],
        "election_epoch": status["election_epoch"],
        "osd_epoch": osds["epoch"],
        "down": [osd["osd"] for osd in osds["osds"] if not osd["up"]],
        "out": [osd["osd"] for osd in osds["osds"] if not osd["in"]],
        "unclean": sum(pg["count"] for pg in pgs if pg["state_name"] != "active+clean" and "scrub" not in pg["state_name"]),
        "mgr": mgr["active_name"] if mgr["available"] else "",
    }


while True:
    begun = time.time()
    line = {"at": begun}
    try:
        line["seen"] = sample()
    except Exception as error:  # whatever kept the answer away, the line says that there was none
        line["error"] = str(error)
    line["took"] = time.time() - begun
    json.dump(line, sys.stdout)
    print(flush=True)
    time.sleep(max(0.05, 1 - line["took"]))
