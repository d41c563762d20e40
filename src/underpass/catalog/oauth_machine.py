"""The login of a machine: an id and a secret of its own, and no person (the client credentials grant)."""

from __future__ import annotations

from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider

from underpass.catalog.logins import Login
from underpass.catalog.oauth_flow import Flow, NoStorage
from underpass.catalog.redaction import Redactor
from underpass.catalog.spec import ServerSpec
from underpass.errors import ConfigError


async def log_machine_in(spec: ServerSpec, redactor: Redactor) -> Login:
    """Get a token with the id and the secret of a server's entry.

    Raises:
        ConfigError: the entry lacks one of them, or the issuer whom they are for.
        LoginFailed: there is no token to be had.
    """
    return await _Machine(spec, redactor).run()


class _Machine(Flow):
    def __init__(self, spec: ServerSpec, redactor: Redactor) -> None:
        super().__init__(spec, redactor)
        oauth = spec.oauth
        if oauth.client_id is None or oauth.client_secret is None or oauth.issuer is None:
            raise ConfigError(
                'to log in by itself it needs "clientId", "clientSecret" and "issuer" in oauth of its entry',
                hint='"clientSecret": "keyring://NAME", and `underpass secret set NAME`',
                server=spec.name,
            )
        self.provider = ClientCredentialsOAuthProvider(
            self.url,
            NoStorage(self),
            oauth.client_id,
            oauth.client_secret,
            issuer=oauth.issuer,
        )
