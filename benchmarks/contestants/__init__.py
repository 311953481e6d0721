"""Ways to talk to a Dify server, each in a file that needs nothing but its own library.

A file defines the class ``Contestant``, made from the server's base URL, with a method for each
thing that it takes part in. Methods take the name of a scene and return how many events or calls
that was; or seconds, where only a part counts and they look at the clock themselves.
"""
