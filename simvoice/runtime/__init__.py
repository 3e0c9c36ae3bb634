"""Threads and bounded queues that carry events and commands between devices, engines and `step`."""
