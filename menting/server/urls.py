"""Every address that Django answers; the door and the checks of health stand before it."""

from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", include("menting.spaces.urls")),
    path("api/", include("menting.api.urls")),
    path("console/", include("menting.console.urls")),
    path("accounts/", include("menting.users.urls")),
    path("accounts/", include("allauth.urls")),
    path("favicon.ico", RedirectView.as_view(url="/static/favicon.svg", permanent=True)),
]
