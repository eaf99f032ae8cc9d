"""Lighthouse on three built pages: accessibility, best practices and SEO must be 100.

Node fetches Lighthouse when it is first used; nothing else here needs node.
"""

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

LIGHTHOUSE = "lighthouse@12.8.2"
CATEGORIES = ("accessibility", "best-practices", "seo")
PAGES = ("index.html", "chapters/01_boxes.html", "chapters/14_wgan_gp.html")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server that says nothing."""

    def log_message(self, *message):
        """Drop the line."""


def scores(address, browser):
    """Return {category: 0 to 100} of a page, and the titles of what failed."""
    command = ["npx", "--yes", LIGHTHOUSE, address, "--output=json", "--quiet"]
    command += [f"--only-categories={','.join(CATEGORIES)}"]
    command += ["--chrome-flags=--headless=new --no-sandbox --disable-gpu"]
    # No browser of its own, and no report of errors to its makers.
    settings = {"PUPPETEER_SKIP_DOWNLOAD": "1", "CHROME_PATH": browser}
    done = subprocess.run(
        [*command, "--no-enable-error-reporting"],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise ValueError(f"Lighthouse failed: {done.stderr.strip()[-500:]}")
    report = json.loads(done.stdout)
    found = {
        name: round(100 * (report["categories"][name]["score"] or 0))
        for name in CATEGORIES
    }
    weighed = {
        part["id"]
        for name in CATEGORIES
        for part in report["categories"][name]["auditRefs"]
        if part["weight"]
    }
    audits = (report["audits"][name] for name in sorted(weighed))
    return found, [a["title"] for a in audits if a["score"] not in (None, 1)]


def main(arguments):
    """Score the pages of the site named on the command line; return the exit status."""
    root = Path(arguments[0] if arguments else "_build/html")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not (root / "index.html").is_file():
        print(f"no index.html in {root}: build the book first (make book)")
        return 1
    if shutil.which("npx") is None or browser is None:
        print("Lighthouse needs node (with npx) and Chromium: install both.")
        return 1
    handler = functools.partial(Quiet, directory=root)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        bad = 0
        for name in PAGES:
            page = f"http://127.0.0.1:{server.server_port}/{name}"
            found, failed = scores(page, browser)
            bad += min(found.values()) < 100
            print(name, *(f"{k} {v}" for k, v in found.items()), *failed, sep="  ")
        server.shutdown()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
