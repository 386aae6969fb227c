from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import ConfigError, ToolMissing
from nanna_ci.supply_chain.scanning.deny_policy import find_policy


def test_a_workspaces_policy_keeps_all_but_its_own_databases(tmp_path: Path) -> None:
    text = '[advisories]\ndb-path = "/x"\ndb-urls = ["https://x"]\nignore = ["A-1"]\n[licenses]\nallow = ["MIT"]\n'
    text += '[[bans.deny]]\ncrate = "a\\u007Fb"\nreason = "x"\n[graph]\nall-features = true\nnumber = 1.5\n'
    (tmp_path / ".cargo").mkdir()
    (tmp_path / ".cargo/deny.toml").write_text(text)
    policy = find_policy(tmp_path, {})
    tables = tomllib.loads(policy.render(Path("/databases")))
    given = tomllib.loads(text)
    assert tables.pop("advisories") == {"ignore": ["A-1"], "db-path": "/databases"}
    given.pop("advisories")
    assert tables == given
    assert policy.words == ()
    assert "deny.toml says where advisories come from" in policy.notes[0]


def test_the_default_holds_where_there_is_none_and_is_said(tmp_path: Path) -> None:
    (tmp_path / "default.toml").write_text("[licenses]\n")
    policy = find_policy(tmp_path / "workspace", {"NANNA_CI_DENY_POLICY": str(tmp_path / "default.toml")})
    assert "--warn=unmaintained" in policy.words
    assert "has no deny.toml" in policy.notes[0]
    with pytest.raises(ToolMissing, match=r"no deny\.toml"):
        find_policy(tmp_path / "workspace", {})


def test_a_limit_of_its_own_is_known_and_a_broken_policy_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "deny.toml").write_text('[advisories]\nmaximum-db-staleness = "P9D"\n')
    assert find_policy(tmp_path, {}).limits_age
    (tmp_path / "deny.toml").write_text("[advisories\n")
    with pytest.raises(ConfigError, match=r"deny\.toml"):
        find_policy(tmp_path, {})
