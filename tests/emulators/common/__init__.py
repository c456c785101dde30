"""What a server that misbehaves on demand needs, whoever it stands in for.

How time passes, how connections end without an answer, how faults are drawn and deliveries go wrong, how a test
controls it. Nothing in here knows what a provider's objects, parameters, states and errors mean: a mistake in those
cannot be the same in two emulators because they share it.

    clock.py, agenda.py         the account's time, and what is due
    faults.py, wire.py          misbehaviour, and what it does to an answer
    deliveries.py               what is told to others, again and again until it is taken
    control.py                  /_control
    application.py, serving.py  all of it over HTTP
"""
