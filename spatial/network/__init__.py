"""Street networks as arrays."""
