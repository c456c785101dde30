"""`paydesk`, as it is, with a provider whose time is noted: `python -m tests.bench.gateway serve`."""

import server
from tests.bench.timed import TimedProvider

if __name__ == "__main__":
    vars(server)["FakeProvider"] = TimedProvider
    server.main()
