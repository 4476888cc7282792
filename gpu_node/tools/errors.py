"""What a tool raises when the model's input cannot be used.

The message is read by the model: one short sentence that says what to repair. Not an error of ours: anything
else that a tool raises is a defect, and the guest reports it as such.
"""


class ToolInputError(ValueError):
    """The call's arguments cannot be used; `str(error)` tells the model why."""
