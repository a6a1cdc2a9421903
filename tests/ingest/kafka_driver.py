"""The real command, killed where asked: python kafka_driver.py POINT ARGUMENTS…

POINT is as in tests/observatory/driver.py.
"""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path += [str(TESTS), str(TESTS / "observatory")]

if __name__ == "__main__":
    from driver import kill_at

    from observatory import cli

    point, *arguments = sys.argv[1:]
    kill_at(point)
    sys.exit(cli.run(arguments))
