"""Systems that can be trained and compared: AIM, regressors, graph networks, baselines, and choices among them."""
