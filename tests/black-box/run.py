"""Independent clients against the built binary, over HTTP.

Starts `durward serve` in an empty folder as an operator would, makes a token on the command line, and lets two
programs that were written by others say what they think of the server: scim2-tester and scim-sanity. Then listens to its
events, and has PyJWT verify them with the keys that the server publishes.
"""

import argparse
import contextlib
import http.server
import json
import pathlib
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

import httpx2
import jwt
import scim2_tester
from scim2_client.engines.httpx2 import SyncSCIMClient

# How many checks there are at least: a server that announces less has fewer to pass.
TESTER_CHECKS = 343
SANITY_CHECKS = 28
EVENT_CHECKS = 12

# Seconds for the server to start, and to stop.
PATIENCE = 20


@contextlib.contextmanager
def server(binary, data):
    """A running server; gives its address."""
    command = [binary, "serve", "--data", data, "--listen", "127.0.0.1:0", "--log-level", "warn"]
    command += ["--event-receivers", "any"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield address(process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
    if process.returncode != 0:
        raise SystemExit(f"the server ended with {process.returncode}")


def address(process):
    """The first URL the server prints, once it is ready."""
    for line in process.stdout:
        if found := re.search(r"https?://127\.0\.0\.1:\d+", line):
            wait_until_ready(found[0])
            return found[0]
    raise SystemExit("the server ended without printing an address")


def wait_until_ready(url):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx2.TransportError):
            if httpx2.get(f"{url}/health/ready").status_code == 200:
                return
        time.sleep(0.05)
    raise SystemExit("the server did not become ready")


def token(binary, data, *kind):
    command = [binary, "token", "create", "--data", data, "--tenant", "default", "--kind", *kind]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def tester(base, secret):
    """scim2-tester: passed, failed."""
    failures = {scim2_tester.Status.ERROR, scim2_tester.Status.CRITICAL}
    headers = {"Authorization": f"Bearer {secret}"}
    with httpx2.Client(base_url=base, headers=headers, timeout=PATIENCE) as http:
        results = scim2_tester.check_server(SyncSCIMClient(http))
    failed = [result for result in results if result.status in failures]
    ran = [result for result in results if result.status != scim2_tester.Status.SKIPPED]
    for result in failed:
        print(f"  {result.status.name} {result.resource_type or ''} {result.title}: {result.reason}")
    return verdict("scim2-tester", len(ran) - len(failed), len(failed), TESTER_CHECKS)


def sanity(base, secret):
    """scim-sanity: passed, failed."""
    program = pathlib.Path(sys.executable).with_name("scim-sanity")
    command = [program, "probe", base, "--token", secret, "--json-output", "--i-accept-side-effects"]
    output = subprocess.run(command, capture_output=True, text=True)
    try:
        report = json.loads(output.stdout)
    except json.JSONDecodeError:
        raise SystemExit(f"scim-sanity gave no report\n{output.stdout}{output.stderr}") from None
    summary = report["summary"]
    bad = [result for result in report["results"] if result["status"].lower() not in ("pass", "skip")]
    for result in bad:
        print(f"  {result}")
    return verdict("scim-sanity", summary["passed"], len(bad), SANITY_CHECKS)


@contextlib.contextmanager
def receiver(pushed):
    """Somebody who takes Security Event Tokens (RFC 8935); gives its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            pushed.put((self.headers["Content-Type"], self.headers["Authorization"], body.decode()))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_):
            pass

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}/events"
    listening.shutdown()


def events(url, secret):
    """Sets up a stream as the server describes it, and verifies what comes: passed, failed."""
    prov = "urn:ietf:params:scim:event:prov"
    described = httpx2.get(f"{url}/.well-known/ssf-configuration/default").raise_for_status().json()
    pushed, found = queue.Queue(), []
    with receiver(pushed) as endpoint, httpx2.Client(headers={"Authorization": f"Bearer {secret}"}) as http:
        delivery = {"method": "urn:ietf:rfc:8935", "endpoint_url": endpoint, "authorization_header": "Bearer x"}
        stream = http.post(described["configuration_endpoint"], json={"delivery": delivery}).raise_for_status().json()
        users = f"{url}/default/api/scim/v2/Users"
        user = http.post(users, json={"userName": "listened-to"}).raise_for_status().json()["id"]
        off = {"op": "replace", "path": "active", "value": False}
        schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]
        http.patch(f"{users}/{user}", json={"schemas": schemas, "Operations": [off]}).raise_for_status()
        http.delete(f"{users}/{user}").raise_for_status()
        verification = {"stream_id": stream["stream_id"], "state": "heard"}
        http.post(described["verification_endpoint"], json=verification).raise_for_status()
        keys = jwt.PyJWKClient(described["jwks_uri"])
        verified = "https://schemas.openid.net/secevent/ssf/event-type/verification"
        for number, wanted in enumerate([
            {f"{prov}:create:notice"}, {f"{prov}:patch:notice", f"{prov}:deactivate"}, {f"{prov}:delete"}, {verified},
        ]):
            media_type, authorization, token = pushed.get(timeout=PATIENCE)
            found.append((media_type, authorization) == ("application/secevent+jwt", "Bearer x"))
            claims = jwt.decode(
                token, keys.get_signing_key_from_jwt(token), algorithms=["ES256"], audience=stream["aud"],
                issuer=described["issuer"], options={"require": ["iss", "iat", "jti", "txn", "aud", "sub_id", "events"]},
            )
            found.append(jwt.get_unverified_header(token)["typ"] == "secevent+jwt" and claims["events"].keys() == wanted)
            subject = {"format": "scim", "uri": f"/Users/{user}"}
            about_stream = {"format": "opaque", "id": stream["stream_id"]}
            found.append(claims["sub_id"] == (about_stream if number == 3 else subject))
    return verdict("events", found.count(True), found.count(False), EVENT_CHECKS)


def verdict(name, passed, failed, wanted):
    print(f"{name}: {passed} passed, {failed} failed")
    if passed < wanted:
        print(f"  {wanted} checks were to pass")
        failed = max(failed, wanted - passed)
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--durward", required=True, help="the binary")
    binary = parser.parse_args().durward
    with tempfile.TemporaryDirectory() as data, server(binary, data) as url:
        auto, strict = (token(binary, data, "scim", "--dialect", dialect) for dialect in ("auto", "strict"))
        base = f"{url}/default/api/scim/v2"
        # scim-sanity wants every PATCH answered by the resource, which the strict dialect does for groups too.
        results = [tester(base, auto), tester(base, strict), sanity(base, strict), events(url, token(binary, data, "admin"))]
    failed = sum(failed for _, failed in results)
    print(f"{sum(passed for passed, _ in results)} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
