"""Refuse a dependency whose licence does not allow use in an Apache-2.0 project: copyleft or unknown.

Run as ``python tests/licences.py [PYTHON]``, where PYTHON is that of another environment to look at.
"""

import json
import subprocess
import sys

ALLOWED = ("apache", "bsd", "mit", "isc", "python software foundation", "psf", "mozilla public license 2.0", "mpl-2.0",
           "unlicense", "public domain", "hpnd", "cmu", "cc0", "zlib", "0bsd", "blueoak")  # fmt: skip
KNOWN = {"huey": "MIT", "namex": "Apache-2.0", "skops": "MIT"}
"""Packages whose metadata names no licence -> the one in their licence file."""
APART = {
    "psycopg2-binary": "LGPL: MLflow's server in tests/servers loads it, nothing of this project does or ships it"
}
"""Packages that are used as programs are, under terms that the project itself could not take."""


def main() -> int:
    """Return 1 and say which, where a package is not allowed."""
    command = [
        sys.executable,
        "-m",
        "piplicenses",
        f"--python={sys.argv[1] if len(sys.argv) > 1 else sys.executable}",
        "--format=json",
        "--from=mixed",
        "--ignore-packages",
        "inc-mlflow",
        *APART,
    ]
    packages = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    wrong = [
        f"{one['Name']}: {one['License']}" for one in packages if not allowed(one["Name"], one["License"])
    ]
    for line in wrong:
        print(f"licence not allowed: {line}", file=sys.stderr)
    print(f"licences of {len(packages)} packages checked")
    return 1 if wrong else 0


def allowed(name: str, licence: str) -> bool:
    """Tell whether one of the licences a package may be used under is on the list."""
    text = KNOWN.get(name, licence).lower()
    return any(word in text for word in ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
