"""All findings about a repository on GitHub; a token that GitHub refuses, or a repository that it hides, is one too."""

from __future__ import annotations

import time
from typing import Final

from nanna_ci.forge.github_api import GithubApi, RateLimited, check_api_url
from nanna_ci.forge.settings.repository_facts import Unknown
from nanna_ci.forge.settings.required_check import check_required
from nanna_ci.forge.settings.setting_findings import check_setup, unavailable
from nanna_ci.forge.settings.settings_api import SettingsApi
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import RequestRefused, ServiceUnavailable
from nanna_ci.foundation.finding import Finding, Health
from nanna_ci.foundation.web import Token, WebClient
from nanna_ci.report.github import TOKEN_VARIABLE, api_of

_CHECK: Final = "repository"


def query_findings(repository: str, context: Context) -> tuple[Finding, ...]:
    """`repository` is OWNER/REPO. Nothing but GET is sent, with a token if there is one.

    Raises:
        UsageError: the API's URL would send a token in the clear.
        MalformedData: GitHub's answer about the repository itself makes no sense.
    """
    ports = context.ports
    api_url, value = api_of(ports.environ)
    direct = check_api_url(api_url)
    with WebClient(direct=direct, timeout_s=10.0, deadline_s=30.0, attempts=2, log=context.say) as client:
        api = GithubApi(client, Token(TOKEN_VARIABLE, value), now=ports.now, sleep=time.sleep, log=context.say)
        settings = SettingsApi(api, f"{api_url}/repos/{repository}", has_token=value is not None)
        context.say(f"reading the settings of {repository}")
        try:
            facts = settings.query_repository()
        except (ServiceUnavailable, RateLimited) as error:
            return (unavailable(_CHECK, repository, Unknown(error.message)),)
        except RequestRefused as error:
            return (_refused(repository, error, has_token=value is not None),)
        setup = settings.query_setup(facts)
    return (_known(repository, facts.name), *check_required(setup), *check_setup(setup))


def _refused(repository: str, error: RequestRefused, *, has_token: bool) -> Finding:
    if error.status == 401:
        fix = f"make a new token and set {TOKEN_VARIABLE} to it; without one, what is public is checked"
        return Finding("github token", TOKEN_VARIABLE, Health.BAD, "GitHub refuses it", fix)
    hidden = f"no such repository, or one that {'this token may not see' if has_token else 'takes a token to see'}"
    says = hidden if error.status == 404 else error.message
    return unavailable(_CHECK, repository, Unknown(says))


def _known(given: str, name: str) -> Finding:
    if name.lower() != given.lower():
        says = f"it is called {name} now"
        return Finding(_CHECK, given, Health.WARN, says, f"use {name}: the old name can become somebody else's")
    return Finding(_CHECK, given, Health.GOOD, "found")
