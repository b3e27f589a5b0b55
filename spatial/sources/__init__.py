"""Bytes in, raw frames out."""
