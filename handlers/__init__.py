"""The plugin API (`api`) and the handlers that come with hookline."""
