"""Faults of the network: each is one method, and gives what heals it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.journal import now
from tests.chaos.network import Mend
from tests.chaos.processes import LAST, Processes, attempts_below
from tests.chaos.surroundings import Surroundings

Heal = Callable[[], None]


@dataclass
class CutOff:
    """A host that the panel's database could not be reached from, and the attempts that ran on it.

    Times are seconds since the boot. ``disturbed``: meanwhile somebody froze or killed what should have
    ended the attempts, so their limit does not count.
    """

    host: str
    attempts: frozenset[str]
    at: float
    until: float | None = None
    disturbed: bool = False


@dataclass
class NetworkFaults:
    """Cuts hosts off. Main thread only, but for what says otherwise."""

    around: Surroundings
    panel: Processes
    draw: random.Random
    cut_offs: list[CutOff] = field(default_factory=list)
    #: Host → the attempts that ran there when it disappeared; until it is back, or declared dead.
    lost: dict[str, frozenset[str]] = field(default_factory=dict)

    def known(self) -> dict[str, Callable[[], Heal | None]]:
        """Every fault that can be made here, by its name."""
        names = [name for name in dir(self) if name.startswith("do_")]
        if self.around.network is None:
            names = [name for name in names if name not in ("do_lose_packets_one_way",)]
        if not self.panel.has_hosts:
            names = [name for name in names if name != "do_lose_host"]
        return {name.removeprefix("do_"): getattr(self, name) for name in names}

    # ── connections, by proxies ──────────────────────────────────────────────
    def do_cut_database(self) -> Heal:
        proxy = self.around.hosts[self._host()].database
        proxy.cut()
        return proxy.mend

    def do_hang_database(self) -> Heal:
        host = self._host()
        proxy = self.around.hosts[host].database
        proxy.freeze()
        return self.note_cut_off(host, proxy.mend)

    def do_cut_redis(self) -> Heal:
        proxy = self.around.hosts[self._host()].redis
        proxy.cut()
        return proxy.mend

    # ── hosts: by the network, where they have one of their own ──────────────
    def do_partition_host(self) -> Heal:
        return self.partition(self._host())

    def partition(self, host: str) -> Heal:
        """Cuts a host off from everything."""
        network, through = self.around.network, self.around.hosts[host]
        if network is not None:
            return self.note_cut_off(host, network.cut(host))
        through.database.freeze()
        through.redis.freeze()

        def mend() -> None:
            through.database.mend()
            through.redis.mend()

        return self.note_cut_off(host, mend)

    def do_partition_host_from_database(self) -> Heal:
        host, network = self._host(), self.around.network
        if network is not None:
            return self.note_cut_off(host, network.separate(host, "database"))
        self.around.hosts[host].database.freeze()
        return self.note_cut_off(host, self.around.hosts[host].database.mend)

    def do_partition_host_from_redis(self) -> Heal:
        host, network = self._host(), self.around.network
        if network is not None:
            return network.separate(host, "redis")
        self.around.hosts[host].redis.freeze()
        return self.around.hosts[host].redis.mend

    def do_lose_packets_one_way(self) -> Heal:
        host, server = self._host(), self.draw.choice(["database", "redis", "targets"])
        ends = self.draw.choice([(host, server), (server, host)])
        assert self.around.network is not None
        mend = self.around.network.lose(*ends)
        return self.note_cut_off(host, mend) if server == "database" else mend

    def do_lose_host(self) -> Heal | None:
        return self.lose_host()

    def lose_host(self) -> Heal | None:
        """Kills every process of the last host; it comes back when this is healed."""
        running = [attempts_below(guard) for guard in self.panel.guards_on(LAST)]
        if not self.panel.vanish(LAST):
            return None
        self.lost[LAST] = frozenset().union(*running)

        def come_back() -> None:
            self.declare(LAST)
            self.panel.release(LAST)

        return come_back

    def lost_attempts(self) -> frozenset[str]:
        """Attempts of hosts that have gone, and that nobody has declared dead. Any thread."""
        return frozenset().union(*list(self.lost.values()))

    def declare(self, host: str) -> None:
        """From now on there is a proof of its death. Any thread."""
        self.lost.pop(host, None)

    # ── helpers ──────────────────────────────────────────────────────────────
    def _host(self) -> str:
        return self.draw.choice(sorted(self.around.hosts))

    def note_cut_off(self, host: str, mend: Mend) -> Heal:
        """Notes since when, and until when, the host cannot reach the database."""
        running = [attempts_below(guard) for guard in self.panel.guards_on(host)]
        cut_off = CutOff(host, frozenset().union(*running), now())
        self.cut_offs.append(cut_off)

        def heal() -> None:
            cut_off.until = now()
            mend()

        return heal

    def note_disturbance(self, fault: str) -> None:
        """Another fault may keep guards from ending what they started."""
        if any(word in fault for word in ("guard", "worker", "everything", "lose_host")):
            for cut_off in self.cut_offs:
                cut_off.disturbed = cut_off.disturbed or cut_off.until is None
