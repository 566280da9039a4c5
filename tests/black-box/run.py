"""Independent SCIM clients against the built binary, over HTTP.

Starts `durward serve` in an empty folder as an operator would, makes a token on the command line, and lets two
programs that were written by others say what they think of the server: scim2-tester and scim-sanity.
"""

import argparse
import contextlib
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

import httpx2
import scim2_tester
from scim2_client.engines.httpx2 import SyncSCIMClient

# How many checks there are at least: a server that announces less has fewer to pass.
TESTER_CHECKS = 343
SANITY_CHECKS = 28

# Seconds for the server to start, and to stop.
PATIENCE = 20


@contextlib.contextmanager
def server(binary, data):
    """A running server; gives its address."""
    command = [binary, "serve", "--data", data, "--listen", "127.0.0.1:0", "--log-level", "warn"]
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


def token(binary, data, dialect):
    command = [binary, "token", "create", "--data", data, "--tenant", "default", "--kind", "scim"]
    command += ["--dialect", dialect]
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
        auto, strict = token(binary, data, "auto"), token(binary, data, "strict")
        base = f"{url}/default/api/scim/v2"
        # scim-sanity wants every PATCH answered by the resource, which the strict dialect does for groups too.
        results = [tester(base, auto), tester(base, strict), sanity(base, strict)]
    failed = sum(failed for _, failed in results)
    print(f"{sum(passed for passed, _ in results)} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
