"""The providers, served locally from their documents, with every fault on a switch.

Nothing here is imported by the house, and nothing of the house is imported here: the house meets the sandbox over HTTP
on loopback, as it meets a provider. `sandbox.running` starts it; `sandbox.control` says how a person steers it.
"""
