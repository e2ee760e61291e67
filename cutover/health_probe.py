"""`python -m cutover.health_probe URL`: asks as a load balancer would, by a name the panel answers to."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request


def main(url: str) -> int:
    """0 when the answer is 200. The host is the first of ALLOWED_HOSTS: an unknown one would be refused."""
    name = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")[0].strip()
    request = urllib.request.Request(url, headers={"Host": name.lstrip(".") or "localhost"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=4) as answer:  # noqa: S310  # our own address
            return 0 if answer.status == 200 else 1
    except OSError as error:  # an HTTP error is one too
        sys.stderr.write(f"{url}: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
