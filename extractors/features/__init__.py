"""Stage `features`: arrays computed elsewhere, which replace the scene or an agent."""
