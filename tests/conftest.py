"""The plugin with the fixtures that several folders share."""

pytest_plugins = ["tests.support.fixtures"]
