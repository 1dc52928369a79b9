"""The one-time link and the first page behind it."""

from django.urls import path

from menting.users import welcome

app_name = "users"
urlpatterns = [
    path("link/<str:code>/", welcome.link, name="link"),
    path("welcome/", welcome.welcome, name="welcome"),
]
