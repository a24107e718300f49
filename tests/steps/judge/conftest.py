from tests.support.plain_environment import plain_environment

__all__ = ["plain_environment"]
