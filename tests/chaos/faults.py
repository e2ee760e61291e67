"""What goes wrong: each fault is one method, and gives what heals it, if anything does."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import signal
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil
import psycopg
import redis
from kombu.exceptions import OperationalError
from psutil import Process

from integrations import processes as host_processes
from tests.chaos.forgeries import Forgeries
from tests.chaos.journal import now
from tests.chaos.network_faults import Heal, NetworkFaults
from tests.chaos.processes import PROBER, WORKER, Processes, attempts_below, choose, send
from tests.chaos.surroundings import Surroundings

#: Faults after which everybody starts anew are drawn less often, or no work would ever be done.
SELDOM = {
    "kill_database": 0.2, "restart_database": 0.2, "kill_session": 0.2, "freeze_database": 0.5,
    "kill_worker": 0.4, "restart_worker": 0.4, "kill_redis": 0.5, "kill_program": 0.5,
    "lose_host": 0.5,
}  # fmt: skip
#: Seconds until a fault is healed, if it has to be; those of a host that is away leave time for people.
LASTS, LONG_LASTS = (0.5, 2, 4, 9), (2, 6, 12, 20)
QUEUE = "steps"


@dataclass(frozen=True)
class GuardKill:
    """A guard of these attempts was killed at this time since the boot, and whoever ends orphans was well."""

    attempts: frozenset[str]
    at: float


@dataclass
class Faults:
    """Draws faults from a seed, and heals them when their time is up. Main thread only."""

    around: Surroundings
    panel: Processes
    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    kills: list[GuardKill] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.draw = random.Random(f"{self.seed}:faults")
        self.healing: list[tuple[float, str, Heal]] = []
        self.forgeries = Forgeries(self.around)
        self.redis = redis.Redis.from_url(self.around.valkey.url, socket_timeout=1)
        self.known: dict[str, Callable[[], Heal | None]] = {
            name.removeprefix("do_"): getattr(self, name) for name in dir(self) if name.startswith("do_")
        }
        self.network = NetworkFaults(self.around, self.panel, self.draw)
        self.known |= self.network.known()
        if not self.around.has_small_disk:
            del self.known["fill_disk"]

    def strike(self) -> str:
        """One random fault; its name, or nothing when there was nobody to strike."""
        under_way = {name for _, name, _ in self.healing}
        free = [name for name in sorted(self.known) if name not in under_way]
        name = self.draw.choices(free, [SELDOM.get(name, 1.0) for name in free])[0]
        gone = (psutil.Error, redis.RedisError, psycopg.Error, OperationalError, OSError)
        with contextlib.suppress(*gone):  # whom it was to strike has ended by itself, or was struck before
            heal = self.known[name]()
            self.counts[name] += 1
            self.network.note_disturbance(name)
            if heal:
                lasts = LONG_LASTS if "host" in name else LASTS
                self.healing.append((time.monotonic() + self.draw.choice(lasts), name, heal))
            return name
        return ""

    def heal(self, *, everything: bool = False) -> None:
        """Heals what is due, or everything."""
        due = [one for one in self.healing if everything or one[0] <= time.monotonic()]
        self.healing = [one for one in self.healing if one not in due]
        for _, _, heal in due:
            with contextlib.suppress(psutil.Error, redis.RedisError, OSError):
                heal()

    # ── kills ────────────────────────────────────────────────────────────────
    def do_kill_guard(self) -> None:
        self.kill_guard(choose(self.draw, self.panel.guards()))

    def kill_guard(self, guard: Process | None) -> None:
        """Kills it, and notes whose orphans have to end soon."""
        if guard is not None:
            attempts = frozenset(attempts_below(guard))
            send(signal.SIGKILL, guard)
            if self.are_workers_well():
                self.kills.append(GuardKill(attempts, now()))

    def are_workers_well(self) -> bool:
        """Nobody else harms who ends orphans: then the promised limit counts."""
        return not any("worker" in name or name == "freeze_everything" for _, name, _ in self.healing)

    def do_kill_program(self) -> None:
        self._signal(signal.SIGKILL, choose(self.draw, self.panel.programs()))

    def do_kill_worker(self) -> None:
        self._signal(signal.SIGKILL, self.panel.first_of(self.draw.choice(["worker-1", "worker-2"])))

    def do_kill_worker_part(self) -> None:
        self._signal(signal.SIGKILL, choose(self.draw, self.panel.parts(WORKER)))

    def do_kill_prober(self) -> None:
        self._signal(signal.SIGKILL, choose(self.draw, self.panel.parts(PROBER)))

    def do_kill_dispatcher(self) -> None:
        self._signal(signal.SIGKILL, self.panel.first_of("dispatcher"))

    def do_kill_reaper(self) -> None:
        self._signal(signal.SIGKILL, self.panel.first_of("reaper"))

    def do_kill_web(self) -> None:
        self._signal(signal.SIGKILL, self.panel.first_of("web"))

    def do_kill_database(self) -> None:
        if self.around.postgres.process is not None:
            self.around.postgres.process.kill()

    def do_kill_session(self) -> None:
        sessions = self._sessions()
        if sessions:  # PostgreSQL then ends all the others, and recovers
            send(signal.SIGKILL, self.draw.choice(sessions))

    def do_kill_redis(self) -> None:
        if self.around.valkey.process is not None:
            self.around.valkey.process.kill()

    def do_kill_name_server(self) -> None:
        if self.around.name_server is not None:
            self.around.name_server.kill()

    # ── freezes ──────────────────────────────────────────────────────────────
    def do_freeze_guard(self) -> Heal | None:
        return self._freeze(choose(self.draw, self.panel.guards()))

    def do_freeze_everything_of_an_attempt(self) -> Heal | None:
        guard = choose(self.draw, self.panel.guards())
        return self._freeze(guard, *(host_processes.descendants(guard.pid) if guard else []))

    def do_freeze_program(self) -> Heal | None:
        return self._freeze(choose(self.draw, self.panel.programs()))

    def do_freeze_worker_part(self) -> Heal | None:
        return self._freeze(choose(self.draw, self.panel.parts(WORKER)))

    def do_freeze_prober(self) -> Heal | None:
        return self._freeze(choose(self.draw, self.panel.parts(PROBER)))

    def do_freeze_dispatcher(self) -> Heal | None:
        return self._freeze(self.panel.first_of("dispatcher"))

    def do_freeze_reaper(self) -> Heal | None:
        return self._freeze(self.panel.first_of("reaper"))

    def do_freeze_web(self) -> Heal | None:
        return self._freeze(self.panel.first_of("web"))

    def do_freeze_database(self) -> Heal | None:
        server = self.around.postgres.process
        return self._freeze(Process(server.pid), *host_processes.descendants(server.pid)) if server else None

    def do_freeze_session(self) -> Heal | None:
        sessions = self._sessions()
        return self._freeze(self.draw.choice(sessions)) if sessions else None

    def do_freeze_redis(self) -> Heal | None:
        server = self.around.valkey.process
        return self._freeze(Process(server.pid)) if server else None

    # ── messages ─────────────────────────────────────────────────────────────
    def do_empty_redis(self) -> None:
        self.redis.flushall()

    def do_duplicate_messages(self) -> None:
        for message in self.redis.lrange(QUEUE, 0, 20) or self._kept_message():
            for _ in range(self.draw.randint(1, 5)):
                self.redis.lpush(QUEUE, message)

    def do_reorder_messages(self) -> None:
        with self.redis.pipeline() as batch:
            found = self.redis.lrange(QUEUE, 0, -1)
            self.draw.shuffle(found)
            batch.delete(QUEUE)
            if found:
                batch.rpush(QUEUE, *found)
            batch.execute()

    def do_forge_messages(self) -> None:
        self.redis.lpush(QUEUE, b"\xff\xfe no json", json.dumps({"body": "?"}), *self._kept_message())
        for attempt in [*self._attempts(), str(uuid.uuid4()), "'; DROP TABLE x; --"]:
            self._publish(attempt, self.draw.choice(["steps.perform", "probes.probe", "steps.unheard_of"]))

    def do_fill_redis(self) -> Heal:
        self.redis.config_set("maxmemory", "1mb")
        return self._make_room_in_redis

    def _make_room_in_redis(self) -> None:
        self.redis.config_set("maxmemory", "0")

    def do_fill_disk(self) -> Heal:
        file = self.around.data / "filled"
        with contextlib.suppress(OSError), file.open("wb") as full:
            full.write(b"x" * shutil.disk_usage(self.around.data).free)
        return lambda: file.unlink(missing_ok=True)

    # ── rows ─────────────────────────────────────────────────────────────────
    def do_forge_rows(self) -> None:
        self.forgeries.forge_live_attempt()
        self.forgeries.forge_record()

    # ── restarts ─────────────────────────────────────────────────────────────
    def do_restart_worker(self) -> None:
        self._signal(signal.SIGTERM, self.panel.first_of(self.draw.choice(["worker-1", "worker-2"])))

    def do_restart_database(self) -> None:
        if self.around.postgres.process is not None:
            self.around.postgres.process.send_signal(signal.SIGINT)

    # ── helpers ──────────────────────────────────────────────────────────────
    def _signal(self, number: signal.Signals, target: Process | None) -> None:
        if target is not None:
            send(number, target)

    def _freeze(self, *targets: Process | None) -> Heal | None:
        found = [target for target in targets if target is not None]
        send(signal.SIGSTOP, *found)
        return (lambda: send(signal.SIGCONT, *found)) if found else None

    def _sessions(self) -> list[Process]:
        """PostgreSQL's processes that serve a session of the panel's database."""
        server = self.around.postgres.process
        if server is None:
            return []
        found = host_processes.descendants(server.pid)
        return [process for process in found if " cutover " in " ".join(process.cmdline())]

    def _attempts(self) -> list[str]:
        statement = "SELECT id::text FROM checklists_attempt ORDER BY random() LIMIT 5"
        rows = self.around.execute(statement, "cutover")
        return [str(row[0]) for row in rows]

    def _kept_message(self) -> list[bytes]:
        return [b'{"body": "W1sibm90aGluZyJdLCB7fSwge31d", "headers": {"task": "steps.perform"}}']

    def _publish(self, attempt: str, task: str) -> None:
        from cutover.celery import app

        app.send_task(task, args=[attempt], queue=QUEUE)
