"""The steps that make container images: layers, each a derivation of its own, and the OCI layout that holds them."""

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from layers import Entry, entries_below, write_layer
from libraries import Sysroot, architecture_of, is_elf, library_closure, package_records
from plain import Attributes

CERTIFICATES = "/usr/share/ca-certificates/mozilla"
RELEASE = "/usr/lib/os-release"
# 65532 is what images without a distribution call nonroot
USERS = "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin\n"
GROUPS = "root:x:0:\nnonroot:x:65532:\n"
EPOCH = "1970-01-01T00:00:00Z"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"


def server(attributes: Attributes, out: Path) -> None:
    """What is the model server's alone of the unpacked packages: the program, and the plug-ins that it loads itself."""
    source = Path(attributes["sysroot"])
    patterns = ("usr/bin/llama-server", "usr/lib/*/llama/libllama-server-impl.so", "usr/lib/*/ggml/**/*.so")
    for path in (path for pattern in patterns for path in source.glob(pattern)):
        target = out / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    # it does not start without it, even if no model is
    (out / "models").mkdir()


def runtime_layer(attributes: Attributes, out: Path) -> None:
    """What the packages need and do not bring: libraries, certificates, users, folders."""
    sysroot = Sysroot(Path(attributes["sysroot"]), attributes["runsOn"])
    entries = [entry for package in attributes["packages"] for entry in entries_below(Path(package))]
    files = {entry.path: entry.source for entry in entries if isinstance(entry.source, Path)}
    programs = [(path, place) for place, path in files.items() if is_elf(path)]
    libraries = library_closure(programs, frozenset(files), sysroot)
    certificates = sorted(sysroot.at(CERTIFICATES).glob("*.crt"))
    taken = [*libraries, *files, RELEASE, f"{CERTIFICATES}/{certificates[0].name}"]
    records = package_records(taken, sysroot)
    entries = [*base_entries(sysroot, certificates), *(library_entry(path, sysroot) for path in libraries)]
    entries += [
        Entry(f"/var/lib/dpkg/status.d/{name}", source=record.encode(), mode=0o644) for name, record in records.items()
    ]
    write_layer(entries, out, created_by=f"Debian: {', '.join(sorted(records))}")


def base_entries(sysroot: Sysroot, certificates: list[Path]) -> list[Entry]:
    """The files that every program may ask for, and none that can be run."""
    files = {
        "/etc/passwd": USERS.encode(),
        "/etc/group": GROUPS.encode(),
        "/etc/nsswitch.conf": b"hosts: files dns\n",
        # the package's own: the bundle of this machine may have a company's certificates in it
        "/etc/ssl/certs/ca-certificates.crt": b"".join(path.read_bytes().strip() + b"\n" for path in certificates),
        RELEASE: sysroot.at(RELEASE).read_bytes(),
    }
    links = {"/lib": "usr/lib", "/lib64": "usr/lib64", "/etc/os-release": "../usr/lib/os-release"}
    return [
        *(Entry(path, source=data, mode=0o644) for path, data in files.items()),
        *(Entry(path, link=target) for path, target in links.items()),
        Entry("/tmp", mode=0o1777),  # noqa: S108 -- the image's
    ]


def library_entry(path: str, sysroot: Sysroot) -> Entry:
    real = sysroot.at(path)
    if real.is_symlink():
        return Entry(path, link=str(real.readlink()))
    return Entry(path, source=real, mode=0o755 if real.stat().st_mode & 0o111 else 0o644)


def content_layer(attributes: Attributes, out: Path) -> None:
    """The files of packages at the image's root."""
    entries = [entry for package in attributes["packages"] for entry in entries_below(Path(package))]
    write_layer(entries, out, created_by=attributes["createdBy"], compress=attributes["compress"])


def image(attributes: Attributes, out: Path) -> None:
    """An OCI layout with one image: oci-layout, index.json, blobs/sha256."""
    blobs = out / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    layers = []
    for folder in map(Path, attributes["layers"]):
        layer = json.loads((folder / "layer.json").read_text())
        shutil.copyfile(folder / "blob", blobs / layer["digest"].removeprefix("sha256:"))
        layers.append(layer)
    platform = {"architecture": architecture_of(Sysroot(Path("/"), attributes["runsOn"])), "os": "linux"}
    config = {
        **platform,
        "created": EPOCH,
        "config": attributes["config"],
        "rootfs": {"type": "layers", "diff_ids": [layer["diffId"] for layer in layers]},
        "history": [{"created": EPOCH, "created_by": layer["createdBy"]} for layer in layers],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": put(blobs, CONFIG_TYPE, config),
        "layers": [{key: layer[key] for key in ("mediaType", "digest", "size")} for layer in layers],
    }
    top = {**put(blobs, MANIFEST_TYPE, manifest), "platform": platform}
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [top]}
    (out / "index.json").write_bytes(rendered(index))
    (out / "oci-layout").write_bytes(rendered({"imageLayoutVersion": "1.0.0"}))
    print(f"{sum(layer['size'] for layer in layers)} bytes in {len(layers)} layers", file=sys.stderr)


def rendered(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def put(blobs: Path, media_type: str, value: dict[str, Any]) -> dict[str, Any]:
    """Writes a value as a blob and answers its descriptor."""
    data = rendered(value)
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}
