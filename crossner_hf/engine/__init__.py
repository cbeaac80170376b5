"""Runs tasks that leave done files, in processes of this machine or on a Ray cluster; imports no torch."""
