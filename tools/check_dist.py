"""Check what a wheel and an sdist hold: ``python tools/check_dist.py dist``."""

import sys
import tarfile
import zipfile
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from pathlib import Path, PurePosixPath

LARGEST = 1_000_000  # bytes of a file; weights may be larger
WEIGHTS = {".safetensors"}
# Recordings, windows, tables and results: none of them is needed by who installs the package.
DATA = {
    *(".bdf", ".csv", ".edf", ".fif", ".h5", ".hdf5", ".jsonl", ".mat", ".npy", ".npz"),
    *(".parquet", ".pickle", ".pkl", ".pt", ".pth", ".seizures", ".set", ".tsv", ".vhdr"),
}
SDIST = {
    *("geneeg_sk", ".gitignore", "CHANGELOG.md", "CITATION.cff", "LICENSE", "PKG-INFO"),
    *("README.md", "constraints.txt", "pyproject.toml"),
}
METADATA = (
    *("Author", "Classifier", "Description-Content-Type", "Keywords", "License-Expression"),
    *("License-File", "Requires-Dist", "Requires-Python", "Summary"),
)


def files(archive: Path) -> dict[PurePosixPath, bytes]:
    """Read every file of a wheel, or of an sdist without its outer folder."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            names = [name for name in wheel.namelist() if not name.endswith("/")]
            return {PurePosixPath(name): wheel.read(name) for name in names}
    with tarfile.open(archive) as sdist:
        members = [member for member in sdist if not member.isdir()]
        return {
            PurePosixPath(*PurePosixPath(member.name).parts[1:]): (
                sdist.extractfile(member).read() if member.isfile() else b""
            )
            for member in members
        }


def faulty_metadata(metadata: Message, version: str) -> Iterator[str]:
    for field in METADATA:
        if not metadata.get_all(field):
            yield f"metadata: no {field}"
    if metadata["Version"] != version:
        yield f"metadata: version {metadata['Version']}, but _version.py says {version}"
    if not str(metadata.get_payload()).strip():
        yield "metadata: no description"


def problems(archive: Path) -> Iterator[str]:
    """Say what is wrong with a wheel or an sdist."""
    content = files(archive)
    for path, data in content.items():
        if len(data) > LARGEST and path.suffix not in WEIGHTS:
            yield f"{path}: {len(data):,} bytes, more than {LARGEST:,}"
        if path.suffix.lower() in DATA:
            yield f"{path}: looks like data or results"
        if "__pycache__" in path.parts or path.is_absolute() or ".." in path.parts:
            yield f"{path}: does not belong here"

    version = content.get(PurePosixPath("geneeg_sk/_version.py"), b"").decode().split('"')
    if len(version) != 3:
        yield "geneeg_sk/_version.py: no version"
        return
    tops = {path.parts[0] for path in content}
    about = f"geneeg_sk-{version[1]}.dist-info"
    is_wheel = archive.suffix == ".whl"
    allowed = {"geneeg_sk", about} if is_wheel else SDIST
    needed = (
        {f"{about}/METADATA", f"{about}/entry_points.txt"} if is_wheel else SDIST - {"geneeg_sk"}
    )
    for top in sorted(tops - allowed):
        yield f"{top}: does not belong here"
    for name in sorted({*needed, "geneeg_sk/py.typed", "geneeg_sk/tests/test_installed.py"}):
        if PurePosixPath(name) not in content:
            yield f"{name}: missing"
    metadata = content.get(PurePosixPath(f"{about}/METADATA" if is_wheel else "PKG-INFO"))
    if metadata is not None:
        yield from faulty_metadata(BytesParser().parsebytes(metadata), version[1])


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    archives = sorted([*folder.glob("*.whl"), *folder.glob("*.tar.gz")])
    found = [f"{path.name}: {fault}" for path in archives for fault in problems(path)]
    if {path.suffix for path in archives} != {".gz", ".whl"} or len(archives) != 2:
        found.append(f"{folder}: expected one wheel and one sdist, got {len(archives)} archives")
    for path in archives:
        print(f"{path.name}: {len(files(path))} files, {path.stat().st_size / 1e3:,.0f} kB")
    print("\n".join(found) or "nothing is missing, and nothing is there that does not belong")
    sys.exit(bool(found))
