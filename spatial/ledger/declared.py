"""Ledger metrics as they are declared: one TOML each in ``data/ledger/``, shipped or of a project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spatial.text import Text

KINDS = ("count", "ratio", "remaining", "exists", "overlay")
PERIODS = ("year", "plan", "stock")
QUANTITIES = ("records", "quantity", "length", "area")


@dataclass(frozen=True)
class Select:
    """Which records a filter lets through.

    Attributes
    ----------
    types
        Words of the column ``type``, the slug of the metric and its Chinese title included; empty for all.
    subtypes
        Words of the column ``subtype``; empty for all.
    """

    types: tuple[str, ...] = ()
    subtypes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LedgerMetric:
    """One TOML of ``data/ledger``.

    Attributes
    ----------
    kind
        ``count`` what has come far enough; ``ratio`` its share of what is listed; ``remaining`` what is listed and has not;
        ``exists`` whether all that must exist do; ``overlay`` united area.
    select
        Which records it is about.
    required
        The status from which a record counts.
    quantity
        ``records``, ``quantity`` (column, in ``unit``), ``length`` or ``area`` of the geometry.
    unit
        Code of ``spatial.units``.
    period
        Default: ``year`` and ``plan`` count what reached the status in the period, ``stock`` all that has.
    denominator
        Of a ratio: the records that are all; ``None`` for the same records whatever their status.
    each
        Of ``exists``: subtypes that must all be there.
    within
        Of ``overlay``: a layer of the city that the area is cut to.
    of
        Of ``overlay`` with a share: the layer whose area is the denominator.
    least_m2, most_m2
        Records whose polygon (or stated area) lies outside are shown, not counted.
    same_within_m
        Records of one name and type within this distance are one.
    confirm
        ``polygon`` (a record is confirmed by its polygon), ``before_after`` (by geometries or pictures before and after), or empty.
    """

    name: str
    title: Text
    definition: Text
    kind: str
    select: Select
    required: str = "completed"
    quantity: str = "records"
    unit: str = "count"
    period: str = "stock"
    denominator: Select | None = None
    each: tuple[str, ...] = ()
    within: str = ""
    of: str = ""
    least_m2: float = 0.0
    most_m2: float = float("inf")
    same_within_m: float = 50.0
    confirm: str = ""
    standard: Text = field(default=Text("", ""))
    parameters: Mapping[str, str] = field(default_factory=dict)
