#!/usr/bin/python3
"""Puts what the tests need into a fresh Keystone: keystone_setup.py V3_URL SWIFT_URL PASSWORD.

Makes the project and user `seafile`, the account with which Swift's proxy checks tokens, and the object-store service
of region RegionOne.
"""
import json
import sys
import urllib.request

V3_URL, SWIFT_URL, PASSWORD = sys.argv[1:4]


def call(method, path, body=None, token=None):
    """One request; gives the answer's headers and its JSON."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["X-Auth-Token"] = token
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(V3_URL + path, data, headers, method=method)) as answer:
        text = answer.read()
        return answer.headers, json.loads(text) if text else {}


def admin_token():
    domain = {"id": "default"}
    user = {"name": "admin", "password": "adminpass", "domain": domain}
    scope = {"project": {"name": "admin", "domain": domain}}
    identity = {"methods": ["password"], "password": {"user": user}}
    return call("POST", "/auth/tokens", {"auth": {"identity": identity, "scope": scope}})[0]["X-Subject-Token"]


TOKEN = admin_token()
ROLES = {role["name"]: role["id"] for role in call("GET", "/roles", token=TOKEN)[1]["roles"]}


def make(kind, **fields):
    """Creates a `kind` and gives its id."""
    return call("POST", f"/{kind}s", {kind: fields}, TOKEN)[1][kind]["id"]


def member(project_name, user_name, password, role):
    """A project, and a user with that role in it."""
    project = make("project", name=project_name, domain_id="default")
    user = make("user", name=user_name, password=password, domain_id="default")
    call("PUT", f"/projects/{project}/users/{user}/roles/{ROLES[role]}", token=TOKEN)


member("service", "swift", "swiftpass", "admin")
member("seafile", "seafile", PASSWORD, "member")
SERVICE = make("service", type="object-store", name="swift")
for interface in ("public", "internal", "admin"):
    url = f"{SWIFT_URL}/v1/AUTH_%(tenant_id)s"
    make("endpoint", service_id=SERVICE, interface=interface, region_id="RegionOne", url=url)
