"""Addresses of Redis are read as they are written, and every refusal is told in the server's own words."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from integrations.actions import Context, registry
from integrations.clients import redis_server
from integrations.clients.redis_address import RedisAddress
from integrations.errors import Problem, Unreachable
from integrations.json_answer import reading_answer
from tests.integrations.certificates import Issued, issue
from tests.integrations.clients.redis_stand_in import redis_that_answers
from tests.integrations.recorder import Recorder
from tests.ports import free_port

PROTECTED = (
    "DENIED Redis is running in protected mode because protected mode is enabled and no password is set for "
    "the default user. In this mode connections are only accepted from the loopback interface."
)
#: the server's line → words of the meaning, words of the advice
SAID = {
    "LOADING Redis is loading the dataset in memory": ("reads its data", "Wait"),
    "ERR max number of clients reached": ("limit", "maxclients"),
    "ERR max daily request limit exceeded. Limit: 10000, Usage: 10001.": ("limit", "larger plan"),
    "NOAUTH Authentication required.": ("wants a password", "redis://:PASSWORD@"),
    "WRONGPASS invalid username-password pair or user is disabled.": ("wrong", "percent-encoded"),
    "CLUSTERDOWN The cluster is down": ("cluster", "CLUSTER INFO"),
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.": (
        "replica",
        "Name the primary",
    ),
    "READONLY You can't write against a read only replica.": ("takes no jobs", "Name the primary"),
    "MISCONF Valkey is configured to save RDB snapshots, but it's currently unable to persist to disk.": (
        "refuses every change",
        "BGSAVE",
    ),
    "OOM command not allowed when used memory > 'maxmemory'.": ("memory is full", "maxmemory"),
    "MOVED 3999 127.0.0.1:6381": ("cluster", "hash tag"),
    "NOPERM User reader has no permissions to run the 'ping' command": ("ACL", "ACL SETUSER"),
    "ERR unknown command 'PING', with args beginning with: ": ("does not have this command", "operator"),
    "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
    "configuration is correct?": ("server has none", "right server"),
    "BUSY Redis is busy running a script.": ("script", "SCRIPT KILL"),
    "NOREPLICAS Not enough good replicas to write.": ("replicas", "min-replicas"),
    "ERR DB index is out of range": ("no database of this number", "number at the end"),
    "ERR something that nobody has seen before": ("", "log"),
}


def refusal(url: str) -> Problem:
    with pytest.raises(Problem) as refused, redis_server.connect(url) as client:
        client.get("key")
    return refused.value


@pytest.mark.parametrize("line", SAID)
def test_the_servers_own_line_comes_before_the_advice_of_its_cause(line: str) -> None:
    with redis_that_answers({"*": f"-{line}\r\n".encode()}) as port:
        problem = refusal(f"redis://127.0.0.1:{port}")
    if not line.startswith("MOVED"):  # redis-py takes this line apart
        assert line.rstrip(". ")[:200] in problem.what
    means, advice = SAID[line]
    assert means in problem.means
    assert advice in problem.next
    assert "firewall" not in str(problem)


def test_protected_mode_is_told_before_a_command_is_answered() -> None:
    with redis_that_answers({}, greeting=f"-{PROTECTED}\r\n".encode()) as port:
        problem = refusal(f"redis://127.0.0.1:{port}")
    assert "DENIED Redis is running in protected mode" in problem.what
    assert "protected-mode" in problem.next


@pytest.fixture(scope="module")
def own_root() -> Issued:
    return issue("Root of nobody", authority=True)


def tls(certificate: Issued, folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.server_file(folder))
    return context


def test_the_causes_of_tls_are_told_apart(own_root: Issued, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(own_root.pem())
    trusted = f"?ssl_ca_certs={tmp_path / 'ca.pem'}"
    right = issue("127.0.0.1", own_root, names=("127.0.0.1",))
    other = issue("other.example", own_root, names=("other.example",))
    answers = {"*": b"+PONG\r\n"}
    with redis_that_answers(answers, tls=tls(right, tmp_path)) as port:
        unknown = refusal(f"rediss://127.0.0.1:{port}")
        plain = refusal(f"redis://127.0.0.1:{port}")
        with redis_server.connect(f"rediss://127.0.0.1:{port}{trusted}") as client:
            assert client.ping()
        with redis_server.connect(f"rediss://127.0.0.1:{port}?ssl_cert_reqs=CERT_NONE") as client:
            assert client.ping()
    with redis_that_answers(answers, tls=tls(other, tmp_path)) as port:
        name = refusal(f"rediss://127.0.0.1:{port}{trusted}")
    with redis_that_answers(answers) as port:
        no_tls = refusal(f"rediss://127.0.0.1:{port}")
    nobody = refusal(f"rediss://127.0.0.1:{free_port()}")
    assert "ssl_ca_certs" in unknown.next
    assert "rediss://" in plain.next
    assert "certificate's name" in name.next
    assert "redis:// where the server has none" in no_tls.next
    assert "Nobody listens" in nobody.means
    assert all(isinstance(one, Unreachable) for one in (unknown, plain, name, no_tls, nobody))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://db", "db:6379/0"),
        ("redis://:p%40@db:7000/3", "db:7000/3"),
        ("redis://user@db?db=2&family=6", "db:6379/2"),
        ("rediss://u:p@[::1]/1?ssl_cert_reqs=none&socket_timeout=3", "[::1]:6379/1"),
        ("unix:///run/redis.sock?db=4", "unix:/run/redis.sock/4"),
    ],
)
def test_an_address_is_shown_without_its_login(url: str, shown: str) -> None:
    assert redis_server.address(url) == shown


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("redis://:Gehe1m/x@db/0", "%2F"),
        ("redis://:12/Gehe1m@db/0", "%2F"),
        ("redis://:Gehe1m#x@db/0", "%23"),
        ("redis://:12#Gehe1m@db/0", "%23"),
        ("redis://:12?Gehe1m@db/0", "%3F"),
        ("redis://:12?Gehe1m=x@db/0", "%2F"),
        ("redis://:Gehe1m@x@db/0", "%40"),
        ("redis://:Gehe1m[x@db/0", "%2F"),
        ("redis://db/Gehe1m", "%2F"),
        ("redis://db:99999/0", "%2F"),
        ("redis://db/0?Gehe1m=1", "option"),
        ("redis://db/0?ssl_cert_reqs=Gehe1m", "none, optional or required"),
        ("redis://db/0?socket_timeout=Gehe1m", "take it out"),
        ("redis+sentinel://Gehe1m:26379/primary", "primary"),
        ("Gehe1m", "redis://"),
        ("", "redis://"),
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_a_part_of_it(url: str, advice: str) -> None:
    problem = refusal(url)
    assert "cannot be read" in problem.what
    assert advice in problem.next
    assert "Gehe1m" not in str(problem).replace("option Gehe1m", "")
    assert redis_server.address(url) == "an unreadable address"


def test_the_address_itself_does_not_show_its_password() -> None:
    assert "Gehe1m" not in repr(RedisAddress.parse("redis://:Gehe1m@db"))


ODD_ANSWERS = {
    "a word": b"+OK\r\n",
    "a number": b":1\r\n",
    "nothing": b"$-1\r\n",
    "no list": b"*-1\r\n",
    "an empty list": b"*0\r\n",
    "a list": b"*2\r\n$1\r\nx\r\n$1\r\ny\r\n",
    "a list of lists": b"*1\r\n*2\r\n$1\r\nx\r\n:5\r\n",
    "bytes": b"$4\r\n\xff\xfe\x00\x01\r\n",
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
}


@pytest.mark.parametrize("answer", ODD_ANSWERS)
@pytest.mark.parametrize("action", ["redis.check", "bullmq.watch"])
def test_answers_of_another_form_end_in_a_message(
    action: str, answer: str, new_context: Callable[..., Context]
) -> None:
    more = {"queue": "jobs", "seconds": 0, "patience": 0, "schedules": ["x"]} if "watch" in action else {}
    with redis_that_answers({"*": ODD_ANSWERS[answer], "PING": b"+PONG\r\n"}) as port:
        context = new_context({"queue": {"kind": "redis", "url": f"redis://127.0.0.1:{port}"}})
        params = registry()[action].bind({"redis": "queue", **more}, context)
        with suppress(Problem):
            outcome = registry()[action].run(params, Recorder())
            assert not outcome.ok
            assert outcome.summary


@pytest.mark.parametrize("error", [KeyError, TypeError, AttributeError])
def test_a_mistake_of_ours_is_not_called_a_strange_answer(error: type[Exception]) -> None:
    with redis_that_answers({"*": b"+OK\r\n", "PING": b"+PONG\r\n"}) as port:
        with pytest.raises(error), redis_server.connect(f"redis://127.0.0.1:{port}"):
            raise error("ours")
        with pytest.raises(error), reading_answer("the API", means="Nothing was changed."):
            raise error("ours")
