"""The REST endpoint that receives run events and puts them, durable, into the inbox.

tokens.py        who may send
limits.py        how much
bodies.py        a request's bytes → events that keep the contract
segments.py      files of events in the inbox: open, handed over, recovered
seen.py          which events there were
writer.py        one sync for all requests that wait
application.py   the routes; openapi.py what they promise; metrics.py what they count
server.py        starts and stops it
"""
