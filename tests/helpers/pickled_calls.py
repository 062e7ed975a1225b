"""Pickles that run code where a reader lets them."""


class Calls:
    """Pickles to a call of any function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __repr__(self):  # without an address: processes that run tests side by side must name them alike
        return f"call of {self.call[0].__name__}"

    def __reduce__(self):
        return self.call
