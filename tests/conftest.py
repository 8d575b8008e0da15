"""What holds for every test: the fixtures' addresses and how hard Hypothesis looks."""

import os

from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.fixtures.servers",
    "tests.fixtures.system",
    "tests.fixtures.web",
    "tests.fixtures.crm",
    "tests.fixtures.ways",
]

# No deadline: the machines are shared. In CI the same examples each time, so that a red run can be run again.
_COMMON = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("dev", _COMMON, max_examples=50)
settings.register_profile("ci", _COMMON, max_examples=200, derandomize=True, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))
