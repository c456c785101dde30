"""How large a run is: small and always the same in `make test`, as large as wanted with a profile and a seed.

python -m pytest tests/machine --hypothesis-profile=chaos --hypothesis-seed=1
"""

from hypothesis import settings

settings.register_profile("chaos", deadline=None, max_examples=75, stateful_step_count=50, print_blob=True)
