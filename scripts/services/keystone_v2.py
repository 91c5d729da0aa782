#!/usr/bin/python3
"""Answers Keystone's v2.0 login, which current releases no longer have: keystone_v2.py PORT V3_URL.

POST /v2.0/tokens is turned into a v3 password login; the token in the answer is a real v3 token, the service catalogue
is the v3 one in v2.0's form (one entry a service, one endpoint a region, publicURL and so on).
"""
import json
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

V3_URL = sys.argv[2]


def v3_login(auth):
    """Logs in with a v2.0 `auth` object; gives the token's text and its v3 description."""
    credentials = auth["passwordCredentials"]
    domain = {"id": "default"}
    user = {"name": credentials["username"], "password": credentials["password"], "domain": domain}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
    if "tenantName" in auth:
        body["auth"]["scope"] = {"project": {"name": auth["tenantName"], "domain": domain}}
    elif "tenantId" in auth:
        body["auth"]["scope"] = {"project": {"id": auth["tenantId"]}}
    request = urllib.request.Request(
        V3_URL + "/auth/tokens", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return answer.headers["X-Subject-Token"], json.load(answer)["token"]


def v2_catalogue(catalogue):
    """The v3 catalogue in v2.0's form."""
    services = []
    for service in catalogue:
        regions = {}
        for endpoint in service["endpoints"]:
            region = regions.setdefault(endpoint["region"], {"region": endpoint["region"]})
            region[endpoint["interface"] + "URL"] = endpoint["url"]
        services.append({"type": service["type"], "name": service["name"], "endpoints": list(regions.values())})
    return services


def v2_access(token_text, token):
    """The body of v2.0's answer."""
    access = {
        "token": {"id": token_text, "issued_at": token["issued_at"], "expires": token["expires_at"]},
        "serviceCatalog": v2_catalogue(token.get("catalog", [])),
        "user": {"id": token["user"]["id"], "name": token["user"]["name"], "username": token["user"]["name"]},
    }
    if "project" in token:
        project = token["project"]
        access["token"]["tenant"] = {"id": project["id"], "name": project["name"], "enabled": True}
    return {"access": access}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.rstrip("/") != "/v2.0/tokens":
            return self.answer(404, {"error": {"code": 404, "message": "only /v2.0/tokens is here"}})
        try:
            self.answer(200, v2_access(*v3_login(json.loads(body)["auth"])))
        except (KeyError, ValueError):
            self.answer(400, {"error": {"code": 400, "message": "not a v2.0 login"}})
        except urllib.error.HTTPError as error:
            self.answer(error.code, {"error": {"code": error.code, "message": "refused", "title": error.reason}})

    def answer(self, code, value):
        body = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
