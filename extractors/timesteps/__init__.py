"""Stage `timesteps`: outputs of the other stages become T time steps of the roles and the scene, which AIM reads."""
