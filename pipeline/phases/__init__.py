"""Phases of new videos, carried over from annotated ones by aligning their movement."""
