"""Phases of new videos, carried over from annotated ones by aligning their movement."""

from pipeline.phases.alignment import Carried, Marked, PhaseReferences

__all__ = ["Carried", "Marked", "PhaseReferences"]
