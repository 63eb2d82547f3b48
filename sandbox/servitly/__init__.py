"""The twin of Servitly: a fleet of metered things made of the shipped measurements, exported as archives by jobs."""
