"""A process of the panel under chaos: ``python -m tests.chaos.panel_process GUARDS COMMAND …``.

GUARDS are those that a control run takes away, separated by commas, or ``none``. COMMAND is one of
``manage.py``, or ``web`` with the number of a listening socket.
"""

import sys


def serve(handle: int) -> None:
    """The web process, as `./panel run` starts it, at a socket that somebody else has opened."""
    import socket

    import uvicorn
    from django.conf import settings

    # Nobody loads pictures or styles here, so none are collected.
    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    config = uvicorn.Config(
        "cutover.asgi:application", lifespan="off", access_log=False, proxy_headers=False,
        timeout_graceful_shutdown=5,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=handle)])


if __name__ == "__main__":
    from tests.chaos import guards

    if sys.argv[1] != "none":
        for name in sys.argv[1].split(","):
            guards.take_away(name)
    if sys.argv[2] == "web":
        serve(int(sys.argv[3]))
    else:
        import django
        from django.core.management import execute_from_command_line

        django.setup()
        execute_from_command_line(["manage.py", *sys.argv[2:]])
