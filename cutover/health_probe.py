"""`python -m cutover.health_probe URL`: the health check of the container, with an allowed Host header."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request


def fetch_status(url: str, allowed_hosts: str) -> int:
    """The HTTP status, 0 without an answer. Sends the first allowed host name: Django refuses others."""
    name = allowed_hosts.split(",")[0].strip().lstrip(".*") or "localhost"
    request = urllib.request.Request(url, headers={"Host": name})  # noqa: S310  # our own address
    try:
        with urllib.request.urlopen(request, timeout=4) as answer:  # noqa: S310  # our own address
            code: int = answer.status
            return code
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


def main(url: str) -> int:
    """Exit code: 0 when the status is 200."""
    code = fetch_status(url, os.environ.get("ALLOWED_HOSTS", ""))
    if code != 200:
        sys.stderr.write(f"{url}: {code or 'no answer'}\n")
    return 0 if code == 200 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
