"""Where to build next: sites chosen together, since what one brings depends on the others."""

from __future__ import annotations

from spatial.siting.link_choice import Chosen, choose_links

__all__ = ["Chosen", "choose_links"]
