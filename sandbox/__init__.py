"""The providers, served on loopback from their documents, with every fault on a switch.

Imports nothing of the house. What a twin does that no document says is marked as our choice.
"""
