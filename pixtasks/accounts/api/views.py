"""Views of the sign-in API."""

from __future__ import annotations

from dataclasses import asdict

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pixtasks.accounts.models import User
from pixtasks.accounts.services import signin
from pixtasks.accounts.tokens import AccessToken
from pixtasks.common.errors import RuleViolation
from pixtasks.common.openapi import errors
from pixtasks.common.throttles import caller_address
from pixtasks.common.validation import parse_body

from .bodies import LoginRequest, Me, RefreshRequest, SignedOut, TokenResponse


def _token_body(tokens: signin.Tokens) -> Response:
    response = Response(TokenResponse(**asdict(tokens)).model_dump())
    response["Cache-Control"] = "no-store"  # RFC 6749, section 5.1
    return response


class LoginView(APIView):
    """Sign in."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="auth_login",
        summary="Sign in",
        description="Failed attempts are limited by account and by address.",
        tags=["Auth"],
        request=LoginRequest,
        responses={200: TokenResponse, **errors(401, body=True)},
    )
    def post(self, request: Request) -> Response:
        """Return an access token (CONTRACT J03)."""
        body = parse_body(LoginRequest, request)
        return _token_body(
            signin.sign_in(
                email=body.email,
                password=body.password,
                address=caller_address(request),
                request=request._request,
            )
        )


class RefreshView(APIView):
    """Stay signed in."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="auth_refresh",
        summary="Exchange a refresh token for new tokens",
        description="The refresh token works once; the answer holds its successor.",
        tags=["Auth"],
        request=RefreshRequest,
        responses={200: TokenResponse, **errors(401, body=True)},
    )
    def post(self, request: Request) -> Response:
        """Return a new access token and the next refresh token."""
        body = parse_body(RefreshRequest, request)
        return _token_body(signin.renew(refresh_token=body.refresh_token))


class MeView(APIView):
    """Who the credentials belong to."""

    @extend_schema(
        operation_id="auth_me",
        summary="Who am I",
        tags=["Auth"],
        responses={200: Me, **errors(401)},
    )
    def get(self, request: Request) -> Response:
        """Return the caller."""
        user = request.user
        assert isinstance(user, User)
        return Response(Me(id=user.pk, email=user.email, name=user.name, is_staff=user.is_staff).model_dump())


class LogoutView(APIView):
    """Sign out."""

    for_viewers = True

    @extend_schema(
        operation_id="auth_logout",
        summary="Sign out",
        description="Afterwards the access token, its refresh token and every token made from it are refused.",
        tags=["Auth"],
        request=None,
        responses={200: SignedOut, **errors(400, 401)},
    )
    def post(self, request: Request) -> Response:
        """End the sign-in that the bearer token belongs to."""
        token = request.auth
        if not isinstance(token, AccessToken):
            raise RuleViolation(
                "Only a bearer token can sign out; an API key is revoked with DELETE /api/v1/api-keys/{id}."
            )
        assert isinstance(request.user, User)
        signin.sign_out(user=request.user, token=token, address=caller_address(request))
        return Response(SignedOut(message="Signed out successfully").model_dump())
