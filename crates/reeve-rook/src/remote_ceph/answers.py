"""Answers questions to a Ceph cluster over one connection: a line of JSON each way.

Asked {"id": 1, "words": ["osd", "dump"]} it says {"id": 1, "status": 0, "out": "...", "err": ""}. The words mean what they mean to `ceph`; the answer
is asked for as JSON. What it cannot ask it says so of: {"id": 1, "unknown": true}. Its first line is {"ready": true}, or {"unable": "why"}.
It only asks; whoever wants to change something runs `ceph`. It ends with its standard input.
"""
import json
import os
import sys
import threading

SECONDS = 15

says = threading.Lock()


def say(message):
    with says:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


try:
    import rados
    from ceph_argparse import find_cmd_target, json_command, parse_json_funcsigs, validate_command
except ImportError as error:
    say({"unable": str(error)})
    sys.exit(0)

# A mon that was away is found again soon, also where it is the only one.
hunt = {"mon_client_hunt_interval": "1", "mon_client_hunt_interval_max_multiple": "2"}
cluster = rados.Rados(name="client.admin", clustername="ceph", conffile="", conf=hunt)
cluster.connect(timeout=SECONDS)
status, answer, said = json_command(cluster, prefix="get_command_descriptions", timeout=SECONDS)
if status:
    say({"unable": said})
    sys.exit(0)
signatures = parse_json_funcsigs(answer.decode("utf-8"), "cli")
# The descriptions keep what they have matched last.
matches = threading.Lock()


def ask(words):
    with matches:
        if find_cmd_target(words) != ("mon", ""):
            return {"unknown": True}
        known = validate_command(signatures, words)
    if not known:
        return {"unknown": True}
    try:
        status, out, err = json_command(cluster, argdict=dict(known, format="json"), timeout=SECONDS)
    except RuntimeError as error:
        # As `ceph` ends when no mon answers.
        return {"status": 1, "out": "", "err": "%s (error connecting to the cluster)" % error}
    return {"status": abs(status), "out": out.decode("utf-8"), "err": err}


def reply(question):
    try:
        answer = ask(question["words"])
    except Exception:
        answer = {"unknown": True}
    say(dict(answer, id=question["id"]))


say({"ready": True})
for line in sys.stdin:
    threading.Thread(target=reply, args=(json.loads(line),), daemon=True).start()
# Questions without an answer are not waited for.
os._exit(0)
