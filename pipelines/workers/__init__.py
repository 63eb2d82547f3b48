"""Runs on workers of other hosts, through a broker: how they are launched, and how a worker works at one."""
