"""Shared helpers of the example's stages. What may live here: code that more than one stage script needs, or that would
hide what a stage script does.
"""

import os

# One thread a process: the runner already runs stages side by side. Set before numpy is imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
