"""A rebuild: counts every board anew into a second generation while the first one serves
(docs/adr/0091)."""

from services.leaderboard.rebuild.rebuilding import Rebuild, Rebuilt, rebuild_lease

__all__ = ["Rebuild", "Rebuilt", "rebuild_lease"]
