"""Who we are to a cache: what the netrc file says for its host, as for Nix, else the token of a Cachix cache."""

from __future__ import annotations

import netrc
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nanna_ci.cache.cachix_api import CACHIX_TOKEN_VARIABLE
from nanna_ci.cache.client.route import HttpOrigin, basic_authorization
from nanna_ci.cache.substituters import Substituter
from nanna_ci.foundation.errors import ConfigError
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file

_CACHIX_USER: Final = "cachix"  # any user name does: the token is the password


def find_authorization(
    substituter: Substituter, origin: HttpOrigin, netrc_file: Path | None, environ: Mapping[str, str]
) -> str | None:
    """The value of the Authorization header for a cache, None if it gets none.

    The token of the environment goes to caches of Cachix itself alone, and to a service on this machine.

    Raises:
        ConfigError: the netrc file cannot be understood. A missing one is not an error, as in Nix.
    """
    known = None if netrc_file is None else _look_up(netrc_file, origin.host)
    if known is not None:
        return basic_authorization(*known)
    token = environ.get(CACHIX_TOKEN_VARIABLE)
    if token and substituter.cachix is not None and substituter.cachix.takes_token:
        return basic_authorization(_CACHIX_USER, token)
    return None


def _look_up(file: Path, host: str) -> tuple[str, str] | None:
    try:
        read_file(file, MEBIBYTE)  # netrc opens it by its name: refuse what could block it
        found = netrc.netrc(str(file)).authenticators(host)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(str(file), f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(str(file), "is not a netrc file: it is not UTF-8") from None
    except netrc.NetrcParseError as error:  # its words are words of the file: passwords, maybe
        where = "" if error.lineno is None else f" line {error.lineno}:"
        problem = f"is not a netrc file:{where} a word that netrc does not know"
        raise ConfigError(
            str(file), problem, hint='a password with a blank or a " in it goes into double quotes'
        ) from None
    return None if found is None else (found[0] or "", found[2] or "")


def explain_refusal(substituter: Substituter) -> str:
    """How to fix a 401 or 403."""
    where = "netrc-file of nix.conf"
    return f"set {CACHIX_TOKEN_VARIABLE}, or {where}" if substituter.cachix is not None else f"credentials: {where}"
