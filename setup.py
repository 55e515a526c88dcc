"""Where the package's folders lie in a checkout; everything else stands in pyproject.toml.

A checkout keeps conf/ and data/ at top level, where people look for them; the wheel carries them
inside the package, so that an installed sweep needs no checkout (pipeline/config/places.py finds
whichever there is). pyproject.toml cannot say "all packages found, and these two from elsewhere".
"""

from __future__ import annotations

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["pipeline", "pipeline.*"]),
        "pipeline.conf",
        "pipeline.shipped_data",
    ],
    package_dir={"pipeline.conf": "conf", "pipeline.shipped_data": "data"},
)
