"""Previews of the outputs of the stages: a contact sheet and a film for each video."""

from pipeline.preview.preview_files import draw_previews, refuse_remote
