"""Builds the wheel of the parity tool from the checkout (PEP 517), with Python's own library only.

The files of `integrations/parity` are packed as the package `cutover_parity`: only the name in them is
another.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import io
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
CODE = ROOT / "integrations" / "parity"
PACKAGE = "cutover_parity"
NAMES = (("python -m integrations.parity", "parity"), ("integrations.parity", PACKAGE))
TIME = (2026, 1, 1, 0, 0, 0)  # of every file, so that the same code gives the same wheel


def build_wheel(
    wheel_directory: str,
    config_settings: Mapping[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Writes the wheel into that folder; returns its name."""
    project = tomllib.loads((FOLDER / "pyproject.toml").read_text())["project"]
    version = read_version()
    stem = f"{project['name'].replace('-', '_')}-{version}"
    files = dict(_code_files())
    files |= {f"{stem}.dist-info/{name}": text for name, text in _metadata(project, version).items()}
    record = "".join(f"{name},{_digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{stem}.dist-info/RECORD"] = f"{record}{stem}.dist-info/RECORD,,\n".encode()
    name = f"{stem}-py3-none-any.whl"
    (Path(wheel_directory) / name).write_bytes(_pack(files))
    return name


def build_sdist(sdist_directory: str, config_settings: Mapping[str, Any] | None = None) -> NoReturn:
    """There is none: the code belongs to the checkout."""
    raise NotImplementedError("build the wheel from a checkout: pip wheel --no-deps packaging/parity")


def read_version() -> str:
    """The version that the code itself says."""
    for node in ast.parse((CODE / "__init__.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "VERSION":
            return str(ast.literal_eval(node.value))
    raise ValueError("integrations/parity/__init__.py has no VERSION")


def _code_files() -> Iterator[tuple[str, bytes]]:
    for path in sorted(CODE.rglob("*")):
        if not path.is_file() or "__pycache__" in path.parts:
            continue
        text = path.read_text()
        for name, other in NAMES:
            text = text.replace(name, other)
        yield f"{PACKAGE}/{path.relative_to(CODE)}", text.encode()


def _metadata(project: Mapping[str, Any], version: str) -> dict[str, bytes]:
    lines = [
        "Metadata-Version: 2.1", f"Name: {project['name']}", f"Version: {version}",
        f"Summary: {project['description']}", f"Requires-Python: {project['requires-python']}",
        f"License: {project['license']}",
    ]  # fmt: skip
    lines += [f"Requires-Dist: {one}" for one in project["dependencies"]]
    for extra, packages in project["optional-dependencies"].items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f'Requires-Dist: {one}; extra == "{extra}"' for one in packages]
    lines += ["Description-Content-Type: text/markdown", "", (FOLDER / "README.md").read_text()]
    scripts = "".join(f"{name} = {target}\n" for name, target in project["scripts"].items())
    return {
        "METADATA": "\n".join(lines).encode(),
        "WHEEL": b"Wheel-Version: 1.0\nGenerator: wheel_backend\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "entry_points.txt": f"[console_scripts]\n{scripts}".encode(),
        "LICENSE": (ROOT / "LICENSE").read_bytes(),
    }


def _digest(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
    return f"sha256={digest.decode()}"


def _pack(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, TIME)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return packed.getvalue()
