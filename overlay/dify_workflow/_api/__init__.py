"""The endpoints of the service API: what is asked for, and how answers are read."""
