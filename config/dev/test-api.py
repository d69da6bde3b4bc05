"""Asks a running server everything that its own OpenAPI description allows, and much that it does not, as each kind of
person (`make test-api`): test-api.py PROGRAM SCHEMATHESIS [EXAMPLES]. The server is `PROGRAM serve` on temporary data, on
loopback; SCHEMATHESIS is its command line. Ends with 1 when something answers 5xx or with anything that is not described.
"""

import json
import os
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from pathlib import Path

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]
# Endless; and what would end the session that asks, which is asked last.
ENDLESS = "^/events$"
ENDING = ("DELETE", "^/(session|account/sessions)$")
REASON = "Asked by the test of the API"


class Browser:
    """Somebody at the server, signed in or not."""

    def __init__(self, origin):
        self.origin, self.headers = origin, {}
        self.tls = ssl.create_default_context()
        self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **self.headers}
        request = urllib.request.Request(f"{self.origin}/api/v1{path}", data, headers, method=method)
        with urllib.request.urlopen(request, context=self.tls, timeout=20) as answer:
            text = answer.read()
            return answer.headers, json.loads(text) if text else None

    def sign_in(self, email, password):
        headers, session = self.ask("POST", "/session", {"email": email, "password": password})
        cookie = headers["Set-Cookie"].split(";")[0]
        self.headers = {"Cookie": cookie, "X-CSRF-Token": session["csrf_token"]}
        return session["user"]["id"]


def answered(browser):
    """How many requests the server has answered, by class of status."""
    with urllib.request.urlopen(f"{browser.origin}/metrics", context=browser.tls) as answer:
        lines = answer.read().decode().splitlines()
    counts = Counter()
    for line in lines:
        if line.startswith("auscult_http_requests_total{"):
            counts[line.split('"')[1]] = int(line.split()[-1])
    return counts


class Server:
    def __init__(self, program, folder):
        self.program = program
        self.environment = {
            **os.environ,
            "AUSCULT_DATA__FOLDER": f"{folder}/data",
            "AUSCULT_HTTP__LISTEN": "127.0.0.1:0",
            "AUSCULT_MEDIA__LISTEN": "127.0.0.1",
            "AUSCULT_MEDIA__FIRST_PORT": "0",
            "AUSCULT_MEDIA__WORKERS": "1",
            "AUSCULT_WHISPER__ENABLED": "false",
            "AUSCULT_TELEMETRY__LOG": "error",
        }
        self.process = subprocess.Popen([program, "serve"], env=self.environment, stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if "Auscult is ready: https://127.0.0.1:" in line:
                # By name: passkeys belong to one.
                port = line.split("https://127.0.0.1:")[1].split()[0]
                self.origin = f"https://localhost:{port}"
                return
        sys.exit("the server did not start")

    def person(self, name, role):
        """Makes the account and signs in: the browser, and the id."""
        email = f"{name}@example.org"
        command = [self.program, "admin", "create-user", "--email", email, "--name", name, "--role", role]
        command += ["--specialty", "Dermatology"] if role == "doctor" else []
        printed = subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True).stdout
        browser = Browser(self.origin)
        return browser, browser.sign_in(email, printed.split()[-1])


def arrange(server):
    """Everybody who asks, and by path which id stands there for something that exists."""
    people = {name: server.person(name, role) for name, role in [
        ("patient", "patient"), ("doctor", "doctor"), ("admin", "admin"), ("rescuer", "doctor"), ("victim", "patient"),
    ]}
    ask = {name: browser.ask for name, (browser, _) in people.items()}
    user = {name: id for name, (_, id) in people.items()}
    consultation = ask["patient"]("POST", "/consultations", {"reason": REASON, "specialty": ""})[1]["id"]
    for step in ["accept", "start"]:
        ask["doctor"]("POST", f"/consultations/{consultation}/{step}")
    emergency = ask["rescuer"]("POST", f"/patients/{user['patient']}/break-glass", {"reason": REASON})[1]["id"]
    notice = ask["patient"]("GET", "/notices")[1][0]["id"]
    applicant = {"role": "doctor", "name": "New", "email": "new@example.org", "password": REASON, "specialty": "Any"}
    newcomer = Browser(server.origin)
    newcomer.ask("POST", "/registrations", applicant)
    newcomer.sign_in(applicant["email"], applicant["password"])
    licence = urllib.request.Request(
        f"{server.origin}/api/v1/account/verification", b"%PDF-1.7", newcomer.headers, method="POST"
    )
    with urllib.request.urlopen(licence, context=newcomer.tls) as answer:
        verification = json.loads(answer.read())["id"]
    ids = {
        "/consultations/": consultation,
        "/admin/consultations/": consultation,
        "/patients/": user["patient"],
        "/users/": user["doctor"],
        "/admin/users/": user["victim"],
        "/notices/": notice,
        "/break-glass/": emergency,
        "/admin/break-glass/": emergency,
        "/admin/verifications/": verification,
    }
    who = {name: people[name][0] for name in ["admin", "patient", "doctor", "rescuer"]}
    return {"nobody": Browser(server.origin), **who}, ids


def configuration(folder, name, browser, ids):
    """Writes what schemathesis is to send as this person; `ids`: none for what nobody has."""
    header = ", ".join(f"{json.dumps(key)} = {json.dumps(value)}" for key, value in browser.headers.items())
    lines = [f"headers = {{ {header} }}", "tls-verify = false"]
    for start, known in ids.items():
        lines += ["[[operations]]", f'include-path-regex = "^{start}[{{]id[}}]"', f'parameters = {{ "path.id" = "{known}" }}']
    path = Path(folder) / f"{name}.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def fuzz(schemathesis, config, origin, examples, *only):
    """Whether it found nothing. What it remembers between runs goes with the temporary folder."""
    command = [schemathesis, "--config-file", str(config), "--no-color", "run", f"{origin}/api/v1/openapi.json"]
    command += ["--checks", ",".join(CHECKS), "--max-examples", str(examples), "--seed", "7", "--no-shrink"]
    command += ["--phases", "examples,coverage,fuzzing", "--continue-on-failure", "--warnings", "off"]
    # A connection that was idle for too long is closed, perhaps while the next request is on its way.
    command += ["--request-retries", "2"]
    return subprocess.run([*command, *only], cwd=config.parent).returncode == 0


def main():
    program, schemathesis = map(os.path.abspath, sys.argv[1:3])
    examples = int(sys.argv[3]) if len(sys.argv) > 3 else 15
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        server = Server(program, folder)
        try:
            people, ids = arrange(server)
            for name, browser in people.items():
                config = configuration(folder, name, browser, ids if browser.headers else {})
                print(f"\n== as {name}", flush=True)
                before = answered(browser)
                everything = ["--exclude-path-regex", f"{ENDLESS}|{ENDING[1]}"]
                ending = ["--include-path-regex", ENDING[1]]
                for only in [everything, ending]:
                    if not fuzz(schemathesis, config, server.origin, examples, *only):
                        failed.append(name)
                counts = answered(browser) - before
                print(f"== as {name}: {sum(counts.values())} answers: {dict(counts)}", flush=True)
                # Who is signed out by accident proves nothing.
                if counts["5xx"] or counts["2xx"] < (20 if browser.headers else 1):
                    failed.append(name)
        finally:
            server.process.terminate()
            status = server.process.wait(timeout=30)
    if status != 0:
        failed.append(f"the server itself, which ended with {status}")
    sys.exit(f"wrong answers to: {', '.join(failed)}" if failed else 0)


main()
