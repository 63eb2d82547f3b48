"""The demo and the processes beside it: Dagster, the sandbox, the state they keep, and what verifies them."""
