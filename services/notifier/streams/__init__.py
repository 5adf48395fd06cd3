"""The process `streams`: live streams of inboxes, thousands in one process (docs/adr/0083, 0084).

gevent waits for the connections; what asks the database does so in threads, so nothing is patched.
"""
