"""The ASGI application that uvicorn serves. The process that imports it is the web process: it has a pool."""

import os

from django.core.asgi import get_asgi_application

from cutover.commandline import load_settings
from cutover.database.pooled.base import use_pool
from cutover.database.start_check import check_role_at_start
from cutover.garbage import spare_imports
from cutover.stream_queue import StreamQueue
from integrations.redact.process_output import mask_standard_streams

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cutover.settings")

mask_standard_streams()
settings = load_settings()  # wrong ones are said in words, without a traceback
_handler = get_asgi_application()

from cutover.live_joins.application import LiveJoins  # noqa: E402  # imports models: their apps come first

application = LiveJoins(StreamQueue(_handler))
check_role_at_start()
spare_imports()
use_pool(settings.CUTOVER_DATABASE_POOL)  # last: a server that forks after its imports has opened nothing
