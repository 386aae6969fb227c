"""CPEs of packages whose vendor and product are known: nothing is guessed from a name.

A wrong CPE is worse than none: a scanner finds the flaws of somebody else's program of the same name. So a package has
a CPE where this table names it, or where its derivation does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

# pname in nixpkgs -> vendor:product in the National Vulnerability Database
_PRODUCTS: Final[Mapping[str, str]] = {
    "acl": "acl_project:acl",
    "avahi": "avahi:avahi",
    "bash": "gnu:bash",
    "bash-interactive": "gnu:bash",
    "bind": "isc:bind",
    "binutils": "gnu:binutils",
    "brotli": "google:brotli",
    "busybox": "busybox:busybox",
    "bzip2": "bzip:bzip2",
    "c-ares": "c-ares:c-ares",
    "coreutils": "gnu:coreutils",
    "cpio": "gnu:cpio",
    "cpython": "python:python",
    "curl": "haxx:curl",
    "cyrus-sasl": "cyrusimap:cyrus-sasl",
    "dbus": "freedesktop:dbus",
    "expat": "libexpat_project:libexpat",
    "file": "file_project:file",
    "freetype": "freetype:freetype",
    "gawk": "gnu:gawk",
    "gcc": "gnu:gcc",
    "gdb": "gnu:gdb",
    "gettext": "gnu:gettext",
    "git": "git-scm:git",
    "git-minimal": "git-scm:git",
    "glib": "gnome:glib",
    "glibc": "gnu:glibc",
    "gmp": "gmplib:gmp",
    "gnugrep": "gnu:grep",
    "gnupg": "gnupg:gnupg",
    "gnused": "gnu:sed",
    "gnutar": "gnu:tar",
    "gnutls": "gnu:gnutls",
    "go": "golang:go",
    "gzip": "gnu:gzip",
    "icu4c": "unicode:international_components_for_unicode",
    "krb5": "mit:kerberos_5",
    "less": "gnu:less",
    "libarchive": "libarchive:libarchive",
    "libcap": "libcap_project:libcap",
    "libevent": "libevent_project:libevent",
    "libgcrypt": "gnupg:libgcrypt",
    "libidn2": "gnu:libidn2",
    "libjpeg-turbo": "libjpeg-turbo:libjpeg-turbo",
    "libksba": "gnupg:libksba",
    "libpng": "libpng:libpng",
    "libpng-apng": "libpng:libpng",
    "libseccomp": "libseccomp_project:libseccomp",
    "libsodium": "libsodium:libsodium",
    "libssh": "libssh:libssh",
    "libssh2": "libssh2:libssh2",
    "libtasn1": "gnu:libtasn1",
    "libtiff": "libtiff:libtiff",
    "libunistring": "gnu:libunistring",
    "libuv": "libuv:libuv",
    "libwebp": "webmproject:libwebp",
    "libxml2": "xmlsoft:libxml2",
    "libxslt": "xmlsoft:libxslt",
    "libyaml": "pyyaml:libyaml",
    "linux-pam": "linux-pam:linux-pam",
    "lz4": "lz4_project:lz4",
    "mariadb-server": "mariadb:mariadb",
    "mbedtls": "arm:mbed_tls",
    "musl": "musl-libc:musl",
    "ncurses": "gnu:ncurses",
    "nettle": "nettle_project:nettle",
    "nghttp2": "nghttp2:nghttp2",
    "nginx": "f5:nginx",
    "nix": "nixos:nix",
    "nodejs": "nodejs:node.js",
    "nss": "mozilla:network_security_services",
    "ollama": "ollama:ollama",
    "openldap": "openldap:openldap",
    "openssh": "openbsd:openssh",
    "openssl": "openssl:openssl",
    "p11-kit": "p11-kit_project:p11-kit",
    "patch": "gnu:patch",
    "pcre": "pcre:pcre",
    "pcre2": "pcre:pcre2",
    "perl": "perl:perl",
    "podman": "podman_project:podman",
    "polkit": "polkit_project:polkit",
    "postgresql": "postgresql:postgresql",
    "procps": "procps_project:procps",
    "protobuf": "google:protobuf",
    "python3": "python:python",
    "qemu": "qemu:qemu",
    "readline": "gnu:readline",
    "redis": "redis:redis",
    "rsync": "samba:rsync",
    "ruby": "ruby-lang:ruby",
    "runc": "linuxfoundation:runc",
    "rustc": "rust-lang:rust",
    "shadow": "shadow_project:shadow",
    "sqlite": "sqlite:sqlite",
    "sudo": "sudo_project:sudo",
    "systemd": "systemd_project:systemd",
    "unbound": "nlnetlabs:unbound",
    "unzip": "unzip_project:unzip",
    "util-linux": "kernel:util-linux",
    "util-linux-minimal": "kernel:util-linux",
    "vim": "vim:vim",
    "wget": "gnu:wget",
    "xz": "tukaani:xz",
    "zlib": "zlib:zlib",
    "zstd": "facebook:zstandard",
}
_SPECIAL: Final = re.compile(r"([^A-Za-z0-9_.-])")


def known_cpe(pname: str, version: str | None) -> str | None:
    """The CPE 2.3 name of a package, None where its vendor is not known or it has no version."""
    product = _PRODUCTS.get(pname)
    if product is None or not version:
        return None
    # a formatted string quotes what is no letter, digit, underscore, dot or hyphen (NISTIR 7695, 6.2)
    quoted = _SPECIAL.sub(r"\\\1", version.lower())
    return f"cpe:2.3:a:{product}:{quoted}:*:*:*:*:*:*:*"
