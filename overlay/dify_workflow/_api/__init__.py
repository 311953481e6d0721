"""The endpoints of the service API: requests, and how answers are read."""
