"""Coverage-guided fuzzing of our own parsers, with atheris: ``make fuzz``. It needs Linux and is no dependency of the tests."""
