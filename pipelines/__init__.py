"""WHEN: definitions, components, schedules and the command line. Nobody imports this room."""
