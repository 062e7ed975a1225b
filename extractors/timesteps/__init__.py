"""Stage `timesteps`: turns outputs of other stages into AIM's input, T time steps of the roles and the scene."""

from extractors.timesteps.exchange import exchange_map
from extractors.timesteps.roles import NO_AGENT
from extractors.timesteps.stage import Timesteps, TimestepsConfig
from extractors.timesteps.trial_descriptors import direction
