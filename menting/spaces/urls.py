"""The public addresses."""

from django.urls import URLPattern, URLResolver, path

from menting.spaces import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    path("@<slug:slug>", views.show, name="space"),
    path("@<slug:slug>/guestbook", views.book, name="guestbook"),
    path("@<slug:slug>/sign", views.sign, name="sign"),
    path("@<slug:slug>/me", views.me, name="me"),
    path("@<slug:slug>/<str:post_slug>", views.post, name="post"),
    path("l/<slug:code>", views.follow, name="follow"),
]
