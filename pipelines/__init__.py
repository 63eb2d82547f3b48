"""WHEN: definitions, components, schedules and the command line. No other package imports this one."""
