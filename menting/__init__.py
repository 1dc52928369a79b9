"""Menting 门庭: a self-hosted front desk for people who run more than one account."""

__version__ = "0.1.0"
