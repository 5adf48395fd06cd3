"""Verifying: what is served held against a second count (services/leaderboard/recount)."""
