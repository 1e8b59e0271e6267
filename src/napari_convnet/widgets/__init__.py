"""Room 9, the dock widgets: Builder and Train."""
