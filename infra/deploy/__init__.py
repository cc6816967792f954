"""Deploying a stage: who we are is printed first, then SAM does the work."""
