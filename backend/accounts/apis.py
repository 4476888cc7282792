"""HTTP edges of accounts: the welcome link. Keys are in metering.apis, beside what they spent."""

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.cache import never_cache

from backend.accounts.welcome import welcome_link_use
from backend.core.errors import NotFound, error_response


@never_cache
def welcome(request: HttpRequest, token: str) -> HttpResponse:
    """Signs the link's user in and leads to the page."""
    try:
        user = welcome_link_use(token=token)
    except NotFound as error:
        return error_response(error)
    login(request, user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return HttpResponseRedirect("/")
