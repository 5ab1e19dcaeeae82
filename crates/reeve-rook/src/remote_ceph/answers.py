"""Carries commands to a Ceph cluster over one connection: a line of JSON each way.

Given {"id": 1, "words": ["osd", "dump"], "format": "json"} it says {"id": 1, "status": 0, "out": "...", "err": ""}; an answer that is
no text is {"base64": "..."}. The words mean what they mean to `ceph`, the format what `--format` means, null for none. What it has not sent to the cluster, because it does not know it, it says so of: {"id": 1, "unknown": true}.
Its first line is {"ready": true}, or {"unable": "why"}. It ends with its standard input.
"""
import base64
import itertools
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
# The fixed words that each command begins with. Of some hundred commands only those are looked at that begin as what was given, which saves most of the time.
beginnings = {
    tag: list(itertools.takewhile(lambda word: isinstance(word, str), command["sig"]))
    for tag, command in json.loads(answer).items()
    if tag in signatures
}
# The descriptions keep what they have matched last.
matches = threading.Lock()


def carry(words, form):
    with matches:
        if find_cmd_target(words) != ("mon", ""):
            return {"unknown": True}
        alike = {
            tag: signatures[tag]
            for tag, beginning in beginnings.items()
            if words[: len(beginning)] == beginning
        }
        known = validate_command(alike, words)
    if not known:
        return {"unknown": True}
    if form:
        known["format"] = form
    try:
        status, out, err = json_command(cluster, argdict=known, timeout=SECONDS)
    except RuntimeError as error:
        # As `ceph` ends when no mon answers.
        return {"status": 1, "out": "", "err": "%s (error connecting to the cluster)" % error}
    try:
        text = out.decode("utf-8")
    except UnicodeDecodeError:
        text = {"base64": base64.b64encode(out).decode("ascii")}
    return {"status": abs(status), "out": text, "err": err}


def reply(command):
    try:
        answer = carry(command["words"], command["format"])
    except Exception:
        answer = {"unknown": True}
    say(dict(answer, id=command["id"]))


say({"ready": True})
for line in sys.stdin:
    threading.Thread(target=reply, args=(json.loads(line),), daemon=True).start()
# Commands without an answer are not waited for.
os._exit(0)
