"""Tests of the HTTP API, by real requests over loopback."""
