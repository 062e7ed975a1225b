"""Phases of new videos, carried over from annotated ones by aligning their movement."""

from pipeline.phases.alignment import Carried, Marked, PhaseReferences
from pipeline.phases.carrying import carried_phases, phases_of_model

__all__ = ["Carried", "Marked", "PhaseReferences", "carried_phases", "phases_of_model"]
