"""Ways to talk to a Dify server. Each file needs nothing but its own library.

A file defines the class ``Contestant``, made from the server's base URL, with a method for each
case that it supports. Methods take the name of a scene and return the number of events or calls.
Methods that measure only a part of their time return seconds.
"""
