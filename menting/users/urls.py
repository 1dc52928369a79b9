"""The one-time link and the first page behind it."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
