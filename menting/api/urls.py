"""The addresses of the API."""

from django.urls import path

from menting.api import document
from menting.api.v1 import api

urlpatterns = [
    path("v1/openapi.json", document.openapi),
    path("v1/", api.urls),
]
