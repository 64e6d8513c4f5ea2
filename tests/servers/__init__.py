"""The servers that the tests use: real ones, private to each test process."""
