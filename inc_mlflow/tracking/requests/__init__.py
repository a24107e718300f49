"""Requests for promotion, and people's word on them."""
