"""Room 7, the process boundary.

Worker processes that run the library's own functions for a window: messages, progress,
cancellation, and a queue in which the latest request wins.
"""
