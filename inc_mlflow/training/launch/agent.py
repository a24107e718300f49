"""The program that starts processes and watches them: torch.distributed.run, which ends with its parent.

Run as ``python -m inc_mlflow.training.launch.agent PARENT OPTIONS``, where OPTIONS are those of
torch.distributed.run. The exit code is 128 plus a signal's number where that ended a process.
"""

import sys

from inc_mlflow.guard import end_with_parent


def main(parent: int, options: list[str]) -> int:
    """Run the processes to their end."""
    end_with_parent(parent)
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    try:
        run.run(run.parse_args(options))  # type: ignore[no-untyped-call]
    except ChildFailedError as error:
        signals = (-one.exitcode for one in error.failures.values() if one.exitcode < 0)
        return next((128 + number for number in signals), 1)
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
