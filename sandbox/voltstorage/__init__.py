"""The twin of VoltStorage: home batteries made of the shipped measurements, exported, summed up, and streamed."""
