"""Phases of new videos, carried over from annotated ones by aligning their movement."""

from pipeline.phases.alignment import CarriedPhases, PhaseReferences, Signal
from pipeline.phases.carrying import carried_phases, phases_of_model

__all__ = ["CarriedPhases", "PhaseReferences", "Signal", "carried_phases", "phases_of_model"]
