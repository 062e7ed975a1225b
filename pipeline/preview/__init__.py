"""Pictures of what the stages found: contact sheet and video."""
