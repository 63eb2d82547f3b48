"""The providers, served locally from their documents, with every fault on a switch.

The project's packages import nothing from here, and nothing of theirs is imported here: the project calls the sandbox
over HTTP on loopback, as it calls a provider. `sandbox.running` starts it; `sandbox.control` documents its switches.
"""
