"""`python -m cutover.health_probe URL`: asks as a load balancer would, by a name the panel answers to."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request


def status(url: str, allowed_hosts: str) -> int:
    """The code of the answer, 0 when there is none. Asks by the first allowed name: others are refused."""
    name = allowed_hosts.split(",")[0].strip().lstrip(".*") or "localhost"
    request = urllib.request.Request(url, headers={"Host": name})  # noqa: S310  # our own address
    try:
        with urllib.request.urlopen(request, timeout=4) as answer:  # noqa: S310
            code: int = answer.status
            return code
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


def main(url: str) -> int:
    """0 when the answer is 200."""
    code = status(url, os.environ.get("ALLOWED_HOSTS", ""))
    if code != 200:
        sys.stderr.write(f"{url}: {code or 'no answer'}\n")
    return 0 if code == 200 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
