"""Exercises that answer back: check, hint, solution, progress.

`check("1.1", answer)` says: not attempted, not yet (with the name of the mistake, where it is a known
one), it raised (your line, your error), or passed. `engine` holds the verbs, a folder a notebook
the exercises, and `EXERCISES` all of them by id.
"""

from medkit.exercises.engine import EXERCISES, ExerciseError, UnknownExercise, check, hint, progress, solution

__all__ = ["EXERCISES", "ExerciseError", "UnknownExercise", "check", "hint", "progress", "solution"]
