"""The twin of Climkit: an apartment house of twenty meters and two sensors, made of the shipped measurements."""
