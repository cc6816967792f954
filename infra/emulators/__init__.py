"""Emulators of AWS on this machine: how each is started and stopped, and the stack put on it."""
