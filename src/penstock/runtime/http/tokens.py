"""JSON Web Tokens, checked as an HTTP API's authorizer checks them.

1. The signature is PyJWT's matter. Only RSA signatures count; a key is found by the token's `kid`.
2. `iss` must be the issuer, `aud` (or `client_id`, where there is no `aud`) one of the audience, `exp` after now,
   `nbf` and `iat` before it; of a route's scopes the token's `scope` or `scp` must have one.
3. What is refused is a 401 whose `www-authenticate` says why; a token without the scope is a 403.

Source: API Gateway, "Control access to HTTP APIs with JWT authorizers in API Gateway" ("Authorize API requests"),
"Troubleshooting issues with HTTP API JWT authorizers".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import jwt

from penstock.errors import UsageError
from penstock.runtime.http.settings import TokenSettings

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")


class TokenRefused(Exception):
    """A token that is not let through; `challenge` is the `www-authenticate` header."""

    def __init__(self, status: int, error: str, description: str, scopes: Sequence[str] = ()) -> None:
        super().__init__(description)
        self.status = status
        self.challenge = (
            f'Bearer scope="{" ".join(scopes)}" error="{error}" error_description="{description}"'
        )


class Tokens:
    """Checks tokens of one issuer.

    Raises:
        UsageError: the key set has a key that cannot be read.
    """

    def __init__(self, settings: TokenSettings) -> None:
        self._settings = settings
        try:
            found = jwt.PyJWKSet.from_dict(dict(settings.keys))
        except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
            raise UsageError(
                f'the keys of the authorizer "{settings.name}" cannot be read: {error}',
                fix="a JSON Web Key Set, as the issuer's jwks_uri gives it",
            ) from error
        # The keys themselves: a PyJWK would hold a token to the algorithm that it guesses where the set names none.
        self._keys = {key.key_id: key.key for key in found.keys if key.key_id is not None}

    def check(
        self, token: str, *, now: float, scopes: Sequence[str]
    ) -> tuple[dict[str, str], tuple[str, ...]]:
        """The claims of a token, as an event has them, and its scopes if the route asks for any.

        Args:
            token: as it was sent, with `Bearer` or without.
            now: in epoch seconds.

        Raises:
            TokenRefused: with status 401, or 403 if only the scope is missing.
        """
        words = token.split(" ", 1)
        bare = words[1].strip() if len(words) == 2 and words[0].lower() == "bearer" else token
        claims = self._decoded(bare)
        self._check_claims(claims, now)
        if not scopes:
            return {name: claim_text(value) for name, value in claims.items()}, ()
        held = _scopes_in(claims)
        if not set(held) & set(scopes):
            raise TokenRefused(
                403, "insufficient_scope", "the token does not have a required scope", tuple(scopes)
            )
        return {name: claim_text(value) for name, value in claims.items()}, held

    def _decoded(self, token: str) -> Mapping[str, object]:
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            key = self._keys.get(str(kid))
            if key is None:
                raise TokenRefused(401, "invalid_token", "signing method or key is not known")
            decoded: Mapping[str, object] = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                options={
                    "verify_signature": True,
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "verify_aud": False,
                    "verify_iss": False,
                    "verify_sub": False,
                    "verify_jti": False,
                },
            )
        except jwt.InvalidSignatureError as error:
            raise TokenRefused(401, "invalid_token", "the signature of the token is invalid") from error
        except jwt.PyJWTError as error:
            raise TokenRefused(401, "invalid_token", "the token is malformed") from error
        return decoded

    def _check_claims(self, claims: Mapping[str, object], now: float) -> None:
        if claims.get("iss") != self._settings.issuer:
            raise TokenRefused(401, "invalid_token", "the token does not have a valid issuer")
        meant = claims["aud"] if "aud" in claims else claims.get("client_id")
        named = meant if isinstance(meant, list) else [meant]
        if not set(self._settings.audience) & {one for one in named if isinstance(one, str)}:
            raise TokenRefused(401, "invalid_token", "the token does not have a valid audience")
        if not _number(claims, "exp", default=0.0) > now:
            raise TokenRefused(401, "invalid_token", "the token has expired")
        if _number(claims, "nbf", default=now) > now or _number(claims, "iat", default=now) > now:
            raise TokenRefused(401, "invalid_token", "the token is not valid yet")


def claim_text(value: object) -> str:
    """A claim as an HTTP API hands it on: always a text; a list is `[a b]`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{' '.join(claim_text(one) for one in value)}]"
    if isinstance(value, Mapping):
        return f"map[{' '.join(f'{name}:{claim_text(one)}' for name, one in sorted(value.items()))}]"
    return str(value)


def _number(claims: Mapping[str, object], name: str, *, default: float) -> float:
    value = claims.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenRefused(401, "invalid_token", f"the claim {name} is no number")
    return float(value)


def _scopes_in(claims: Mapping[str, object]) -> tuple[str, ...]:
    given = claims.get("scope", claims.get("scp"))
    if isinstance(given, str):
        return tuple(given.split())
    return tuple(str(one) for one in given) if isinstance(given, list) else ()
