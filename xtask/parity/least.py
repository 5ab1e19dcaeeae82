"""Prints how many seconds one login and one listing of flavors take, over connections that are made for them.

Whoever only reads needs both, one after the other. The start of the interpreter is not counted.
"""

import http.client
import json
import sys
import time
import urllib.parse

import openstack.config

SECONDS = 60


def ask(url, method, headers, body=None):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=SECONDS)
    connection.request(method, parts.path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status not in (200, 201):
        sys.exit(f"{method} {url}: {answer.status}")
    return answer, json.loads(text)


def main():
    auth = openstack.config.OpenStackConfig().get_one(sys.argv[1]).config["auth"]
    user = {"name": auth["username"], "password": auth["password"], "domain": {"name": auth["user_domain_name"]}}
    project = {"name": auth["project_name"], "domain": {"name": auth["project_domain_name"]}}
    identity = {"methods": ["password"], "password": {"user": user}}
    body = json.dumps({"auth": {"identity": identity, "scope": {"project": project}}})
    began = time.monotonic()
    answer, said = ask(auth["auth_url"] + "/auth/tokens", "POST", {"Content-Type": "application/json"}, body)
    compute = next(service for service in said["token"]["catalog"] if service["type"] == "compute")
    url = next(endpoint["url"] for endpoint in compute["endpoints"] if endpoint["interface"] == "public")
    headers = {"X-Auth-Token": answer.headers["X-Subject-Token"], "OpenStack-API-Version": "compute 2.61"}
    ask(url.rstrip("/") + "/flavors/detail", "GET", headers)
    print(f"{time.monotonic() - began:.3f}")


main()
