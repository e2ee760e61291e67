"""Environment files are read as python-dotenv and npm's dotenv read them, and refused where these differ."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import pytest

from integrations.environment.env_file import describe_faults, read_env_file, read_settings
from integrations.environment.env_readers import NODE, read_as_node
from integrations.errors import Problem
from integrations.sandbox import node

SCRIPT = """
const {parse} = require(process.argv[1]);
const texts = JSON.parse(require("fs").readFileSync(0));
console.log(JSON.stringify(texts.map((text) => parse(text))));
"""
SAME = [
    "A=1", "A = 1", "A=", "A=''", 'A=""', "A='x'", 'A="x"', "export A=1", "export  A='1'",
    "A=1\r\nB=2\r\n", "# remark\nA=1", "A=1 # remark", "A='x' # remark", 'A="x # y"', "A='x # y'",
    "A=a b c", "A=a=b==", "  A=1  ", "A='x\ny'", 'A="x\ny"', 'A="x\\ny"', "A='x\\ny'", "A=x\\ny",
    "A=1\nA=2", "\n\nA=1\n\n", "A=é", "A.B=1", 'A={"a": 1}', "A=postgresql://u:p@h/d?sslmode=require",
    "A='$(touch x)'", "A=it's", "NAME_ONLY", "A=1\t", "A=-----BEGIN-----\\nabc", "A=%40", "A='a\"b'",
    "A=\"a'b\"", "A=\\", "A= #remark", "#A=1", "A=\u00a0x", "export A",
]  # fmt: skip
DIFFERENT = [
    "A=0123#90", "A=sk_test_ab#cd", "A=p@ss#word", 'A="a\\tb"', 'A="a\\"b"', 'A="C:\\\\x"', "A=`x`",
    "A=`x\ny`", "A=`a 'b' \"c\"`", "A: value", "A: 'value'", "[section]\nA=1", ";comment\nA=1",
    "A='a\\'b'", "A=x#", "A=#x", "A=1;B=2\nlower", "A='x'y", 'A="x" y', "A='open\nB=2", 'A="open\nB=2',
    "A-B=1\nnoise", "'A'=1", "A=\n'x'", 'A =\n"x"', "A='x\\\\y'", 'A="a\\rb\\fc"', "=x",
    "A=1\nwrapped+base64/line", "A=1\nQm9iIQ==", "A b=1", "9A=1",
]  # fmt: skip


@pytest.fixture(scope="module")
def dotenv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """npm's dotenv, as the sandbox's project has it among its packages."""
    folder = tmp_path_factory.mktemp("node") / "project"
    node.install(folder, lambda line: None)
    return folder / "node_modules" / "dotenv"


def parse(package: Path, texts: list[str]) -> list[dict[str, str]]:
    words = ["node", "-e", SCRIPT, str(package)]
    done = subprocess.run(words, input=json.dumps(texts), capture_output=True, text=True, check=True)
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


def test_what_node_reads_is_what_its_own_program_reads(dotenv: Path) -> None:
    assert json.loads((dotenv / "package.json").read_text())["version"].startswith("16.")
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    atoms = [
        *"AB=:#'\"`\\ \t\n\r$",
        "export ",
        ": ",
        "\r\n",
        "\\n",
        "\\r",
        '\\"',
        "é",
        "\ufeff",
        "\u00a0",
        "\u2028",
    ]
    atoms += ["x y", "1.0", "_b", "-", "[s]", ";c", "=\n", "\nA=", "\nB='", '\nC="', "\nD=`", "\x1c", "\x0b"]
    made = ["".join(chance.choice(atoms) for _ in range(chance.randint(1, 14))) for _ in range(3000)]
    texts = [*SAME, *DIFFERENT, *made]
    for text, read in zip(texts, parse(dotenv, texts), strict=True):
        assert read_as_node(text).values == read, repr(text)


def test_a_file_is_refused_exactly_where_the_readers_differ(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    for text in SAME:
        file.write_bytes(text.encode())
        assert describe_faults(read_env_file(file)) == "", repr(text)
    for text in DIFFERENT:
        file.write_bytes(text.encode())
        assert describe_faults(read_env_file(file)), repr(text)
        with pytest.raises(Problem, match="cannot be used"):
            read_settings(file)


def test_a_named_reader_counts_alone(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("KEY=`two\nlines`\nOTHER: x # y\n")
    found = read_env_file(file, NODE)
    assert (found.values, describe_faults(found)) == ({"KEY": "two\nlines", "OTHER": "x"}, "")
    assert "no setting" in describe_faults(read_env_file(file, "python"))


def test_the_second_line_of_a_wrapped_secret_is_shown_by_no_reader(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    for rest in ("ZkF7yQ2mTb8LxVnC4wRz", "ZkF7yQ2mTb8LxVnC4wRz==", "a+b/c=", "a/b: c"):
        file.write_text(f"SECRET=Abcdefgh\n{rest}\n")
        for reader in ("", "python", NODE):
            found = read_env_file(file, reader)
            assert found.malformed == [2], (rest, reader)
            assert rest not in describe_faults(found)
            assert not found.values
